import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A folder outside the repository, in which the package is installed. */
export interface PackedPackage {
  readonly folder: string;
  /** Path of a copy of a program in `programs/`, which imports the installed package. */
  program(name: string): string;
  /** Copies a program into the folder, and returns the path of the copy. */
  add(program: string): string;
  remove(): void;
}

/** Compiles the present source without type checks, and installs it in a new folder with its dependencies. */
export async function packPackage(): Promise<PackedPackage> {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-packed-'));
  const modules = join(folder, 'node_modules');
  const installed = join(modules, 'binding-clerk');
  const source = join(root, 'src');
  mkdirSync(installed, { recursive: true });
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
  await build({
    entryPoints: files.filter((file) => file.endsWith('.ts')).map((file) => join(source, file)),
    outdir: join(installed, 'dist'),
    outbase: source,
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
  for (const file of files.filter((name) => name.endsWith('.cjs')))
    cpSync(join(source, file), join(installed, 'dist', relative(source, join(source, file))));
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== 'binding-clerk' && !name.startsWith('.'))
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
  cpSync(fileURLToPath(new URL('programs', import.meta.url)), join(folder, 'programs'), { recursive: true });
  return {
    folder,
    program: (name) => join(folder, 'programs', name),
    add(path) {
      const copy = join(folder, basename(path));
      cpSync(path, copy);
      return copy;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
