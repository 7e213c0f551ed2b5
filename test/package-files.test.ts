/** The files of the npm package. */
import { execSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const root = new URL('../', import.meta.url);

test('the build makes the command executable, also for linked projects', () => {
  const { bin, scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
    readonly bin: Readonly<Record<string, string>>;
    readonly scripts: { readonly build: string };
  };
  const main = String(bin.clerk);
  const cwd = mkdtempSync(join(tmpdir(), 'binding-clerk-build-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  // In place of the compiler, which writes files with the mode 0644.
  const compile = `mkdir -p dist/cli && touch ${main} && chmod 644 ${main}`;
  const build = scripts.build.replace(/tsc -p \S+/, compile);
  expect(build).not.toBe(scripts.build);
  execSync(build, { cwd });
  expect(statSync(join(cwd, main)).mode & 0o111).toBe(0o111);
});

test('docs/reference.md, the first page of the reference, lists all entry points', () => {
  const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { exports: object };
  const entries = Object.keys(exports)
    .filter((path) => path !== './package.json')
    .map((path) => path.replace('.', 'binding-clerk'));
  const page = readFileSync(new URL('docs/reference.md', root), 'utf8');
  const listed = [...page.matchAll(/^\| `(binding-clerk[^`]*)`/gm)].map(([, entry]) => entry);
  expect(listed.sort()).toEqual(entries.sort());
});

test('every relative link of the README leads to a file or folder of the npm package', () => {
  const { files } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { files: string[] };
  const targets = [...readFileSync(new URL('README.md', root), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));
  expect(targets.length).toBeGreaterThan(20);
  const isPacked = (target: string): boolean =>
    files.some((file) => target === file || target.startsWith(`${file}/`));
  expect(targets.filter((target) => !isPacked(target))).toEqual([]);
  for (const target of targets) expect(() => statSync(new URL(target, root))).not.toThrow();
});
