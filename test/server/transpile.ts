import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Transpiles the server and one program to JavaScript, in a temporary folder from which packages resolve. For tests that
 * start the server a hundred times: a transpiler in each process would take most of the time.
 *
 * @param program - path relative to the repository
 * @returns the path of the transpiled program, and a function that removes the folder
 */
export function transpile(program: string): { readonly path: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(
      (file) =>
        /[.](ts|cjs)$/.test(file) && /^(core|identity|protocol|runtime|server|tickets)[\\/]/.test(file),
    )
    .map((file) => join('src', file));
  for (const file of [...files, program]) {
    const to = join(folder, file.replace(/[.]ts$/, '.js'));
    mkdirSync(dirname(to), { recursive: true });
    if (to.endsWith('.cjs')) {
      copyFileSync(join(root, file), to);
      continue;
    }
    const { outputText } = ts.transpileModule(readFileSync(join(root, file), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
      },
    });
    writeFileSync(to, outputText);
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module","version":"0.0.0"}');
  return {
    path: join(folder, program.replace(/[.]ts$/, '.js')),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
