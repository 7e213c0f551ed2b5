/**
 * Child processes of tests run JavaScript. A transpiler in each process would take longer than most programs, so all files
 * are transpiled once, into a temporary folder of the shape of the repository.
 */
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
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const variable = 'COMPILED_TEST_PROGRAMS';

/** How Node runs a program: `node ...flags file`. */
export interface NodeProgram {
  readonly flags: readonly string[];
  readonly file: string;
}

/** @param path - of a file in `src` or `test` */
export function nodeProgram(path: string): NodeProgram {
  const folder = process.env[variable];
  if (!path.endsWith('.ts')) return { flags: [], file: path };
  if (folder === undefined) return { flags: ['--import', 'tsx'], file: path };
  return { flags: [], file: join(folder, javascript(relative(root, path))) };
}

/** The arguments with which Node runs a file in `src` or `test`. */
export function nodeArguments(path: string): readonly string[] {
  const { flags, file } = nodeProgram(path);
  return [...flags, file];
}

/** Transpiles `src` and `test` for {@link nodeProgram}. @returns a function that removes the result */
export function compilePrograms(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-programs-'));
  const files = ['src', 'test'].flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name))),
  );
  const programs = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  buildSync({
    entryPoints: programs,
    absWorkingDir: root,
    outdir: folder,
    outbase: root,
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  for (const file of files.filter((name) => /[.](js|cjs|mjs|json)$/.test(name))) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  writeFileSync(join(folder, 'package.json'), packageOfSources());
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
  process.env[variable] = folder;
  return () => {
    delete process.env[variable];
    rmSync(folder, { recursive: true, force: true });
  };
}

/** Runs once before the tests of a project, and returns what runs after them. */
export { compilePrograms as setup };

function javascript(path: string): string {
  return path.replace(/[.]ts$/, '.js');
}

/** The public names of the package lead to the transpiled sources. */
function packageOfSources(): string {
  const description = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  };
  const { version, exports } = description;
  const sources = Object.entries(exports).map(([name, target]) => [
    name,
    typeof target === 'string' ? target : target.default.replace('./dist/', './src/'),
  ]);
  return JSON.stringify({
    name: 'binding-clerk',
    version,
    type: 'module',
    exports: Object.fromEntries(sources) as unknown,
  });
}
