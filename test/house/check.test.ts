/** Every rule finds its fault in a bad sample, and none finds one in a good sample. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { findingsIn, type TextFile } from './rules.mjs';

/** Files by path, each a list of lines. */
type Tree = Readonly<Record<string, readonly string[]>>;

/** What is printed for a tree. The exception for the rules themselves gets a use, or it would be a finding. */
function findings(tree: Tree): readonly string[] {
  const all: Tree = { ...tree, 'test/house/sample.mjs': ['/* nobody */'] };
  const files = Object.entries(all).map(([path, lines]): TextFile => {
    const kind = path.endsWith('.md') ? 'page' : path.endsWith('.patch') ? 'patch' : 'code';
    return { path, kind, text: lines.join('\n') };
  });
  const isThere = (path: string): boolean =>
    files.some((file) => file.path === path || file.path.startsWith(`${path}/`));
  return findingsIn(files, isThere).map(
    ({ file, line, rule, found, instead }) => `${file}:${line} ${rule}: ${found} → ${instead}`,
  );
}

const page = [
  '# Guarantees',
  '',
  '<a id="c2-2"></a>',
  '',
  '## The deadline',
  '',
  'Every call settles by its deadline.',
];

test('a good tree has no finding', () => {
  const tree: Tree = {
    'docs/guarantees.md': [
      ...page,
      '',
      'See [here](#c2-2), [there](#the-deadline) and `src/core/call.ts` in src/core.',
    ],
    'src/core/call.ts': [
      '/**',
      ' * There is no endpoint. It goes on the wire. See [C2.2](../../docs/guarantees.md#c2-2).',
      ' *',
      ' * @see [C2.2](../../docs/guarantees.md#c2-2)',
      ' * @see https://www.rfc-editor.org/rfc/rfc9110',
      ' */',
      "export const leastPending = 'https://nobody.example/told'.length;",
      'export interface Call {}',
    ],
    'src/index.ts': [
      "export { leastPending } from './core/call.js';",
      'export const code = [`a // ${1} b`, /[/]/.source];',
      'const maxMs = 5;',
      'export const late = (ms: number): string => `${String(Math.round(ms))} ms of ${maxMs} ms`;',
      'export type { Call } from "./core/call.js";',
    ],
    'src/load-balancing/index.ts': ['export {};'],
    'README.md': ['```', 'nobody runs it [dead](nowhere.md)', '```', '', 'A `nobody` in code.'],
    'docs/code.md': ['```js', 'if (a) {', '  b();', '', '  d();', '}', '```', '', '```sh', 'clerk ls', '```'],
    'examples/code.js': ['function main() {', '  if (a) {', '    b();', '    c();', '    d();', '  }', '}'],
  };
  expect(findings(tree)).toEqual([]);
});

const long = Array.from({ length: 41 }, (_, i) => `w${i}`).join(' ');

/** The sample, and the start of the line that must be printed. */
const faults: readonly (readonly [what: string, tree: Tree, printed: string])[] = [
  ['a dead link of a page', { 'README.md': ['', '[gone](docs/gone.md)'] }, 'README.md:2 link: docs/gone.md'],
  [
    'a dead anchor of a page',
    { 'docs/guarantees.md': page, 'README.md': ['[x](docs/guarantees.md#c9-9)'] },
    'README.md:1 link: docs/guarantees.md#c9-9',
  ],
  ['a dead anchor within a page', { 'README.md': ['# A', '[x](#b)'] }, 'README.md:2 link: #b'],
  [
    'a path in a command that does not exist',
    { 'README.md': ['```sh', 'node test/gone.mjs', '```'] },
    'README.md:2 path: test/gone.mjs',
  ],
  [
    'a path of a test that does not exist',
    { 'test/bugs/1.patch': ['Caught by: test/gone.test.ts -t a title', '', 'diff --git a/src/b.ts b'] },
    'test/bugs/1.patch:1 path: test/gone.test.ts',
  ],
  ['a path that does not exist', { 'README.md': ['See `src/gone.ts`.'] }, 'README.md:1 path: src/gone.ts'],
  ['a folder that does not exist', { 'README.md': ['Files in `src/gone/`.'] }, 'README.md:1 path: src/gone'],
  [
    'a folder of a comment that does not exist',
    { 'src/core/a.ts': ['// Files of src/gone.', 'export {};'] },
    'src/core/a.ts:1 path: src/gone',
  ],
  [
    'a dead link of a comment',
    {
      'docs/guarantees.md': page,
      'src/core/a.ts': ['', '/** See [C9](../../docs/guarantees.md#c9). */', 'export const a = 1;'],
    },
    'src/core/a.ts:2 link: ../../docs/guarantees.md#c9',
  ],
  [
    'a tag that links to nothing',
    { 'src/core/a.ts': ['/**', ' * A.', ' *', ' * @see promises, chapter 2', ' */', 'export const a = 1;'] },
    'src/core/a.ts:4 see: ',
  ],
  [
    'a banned word in a comment',
    { 'src/a.ts': ['const a = 1;', '// Nobody calls.', 'export { a };'] },
    'src/a.ts:2 word: "Nobody"',
  ],
  [
    'a banned word in a message',
    { 'src/a.ts': ["throw new Error('It is no number');"] },
    'src/a.ts:1 word: "is no"',
  ],
  [
    'a banned word in a template',
    { 'src/a.ts': ['export const a = `x ${1} goes on`;'] },
    'src/a.ts:1 word: "goes on"',
  ],
  [
    'a banned word in a title',
    { 'test/a.test.ts': ["test('it is told', () => {});"] },
    'test/a.test.ts:1 word: "told"',
  ],
  ['a banned word of an example', { 'examples/a.ts': ['// a look-up'] }, 'examples/a.ts:1 word: "look-up"'],
  ['a banned word of a benchmark', { 'bench/a.js': ['/* set aside */'] }, 'bench/a.js:1 word: "aside"'],
  [
    'a banned word in a page',
    { 'docs/a.md': ['# A', '', 'Whoever', 'asks.'] },
    'docs/a.md:3 word: "Whoever"',
  ],
  ['a banned word over a line break', { 'docs/a.md': ['It goes', 'on.'] }, 'docs/a.md:1 word: "goes on"'],
  [
    'a banned word in the head of a patch',
    { 'test/bugs/1.patch': ['Nobody is told.', '', 'diff --git a b'] },
    'test/bugs/1.patch:1 word: "Nobody"',
  ],
  [
    'a measured time in a message',
    { 'src/a.ts': ['export const late = (ms: number): string =>', '  `within its ${String(ms)} ms`;'] },
    'src/a.ts:2 time: String(ms)',
  ],
  [
    'a seeded bug that its clause does not name',
    { 'docs/guarantees.md': page, 'test/bugs/1.patch': ['Late.', '', 'Breaks: C2.2', '', 'diff --git a b'] },
    'test/bugs/1.patch:3 bug: C2.2',
  ],
  [
    'a guarantee called a promise',
    { 'src/server/a.ts': ['// as promised'] },
    'src/server/a.ts:1 word: "promised"',
  ],
  ['a banned word in a name', { 'src/a.ts': ['export const toldAt = 1;'] }, 'src/a.ts:1 name: toldAt'],
  [
    'a banned word in a private name',
    { 'src/a.ts': ['class A {', '  #goOn() {}', '}'] },
    'src/a.ts:2 name: #goOn',
  ],
  [
    'a limit that is not max or min',
    { 'src/a.ts': ['export const mostBytes = 1;'] },
    'src/a.ts:1 name: mostBytes',
  ],
  [
    'one type name with two meanings',
    { 'src/a.ts': ['export interface Change {}'], 'src/b.ts': ['', 'export type Change = 1;'] },
    'src/b.ts:2 type: Change, also in src/a.ts',
  ],
  [
    'one file name twice',
    { 'src/a/b.ts': ['export {};'], 'src/c/b.ts': ['export {};'] },
    'src/c/b.ts:1 file: b.ts, also in src/a/b.ts',
  ],
  [
    'a long sentence of a page',
    { 'docs/a.md': ['Short. And', `${long}.`] },
    'docs/a.md:1 sentence: 42 words',
  ],
  ['code of a page in TypeScript', { 'README.md': ['```ts', 'a();', '```'] }, 'README.md:1 code: ts'],
  [
    'code of a page with types',
    { 'README.md': ['', '```js', 'const a: string = b;', '```'] },
    'README.md:2 code: Type annotations',
  ],
  [
    'code of a page that Node 20 cannot run',
    { 'docs/a.md': ['```js', 'await using a = b();', '```'] },
    'docs/a.md:1 code: using',
  ],
  [
    'code of a page that is in no example',
    { 'docs/a.md': ['```js', 'a();', 'b();', '```'], 'examples/a.js': ['a();', 'c();', 'b();'] },
    'docs/a.md:1 code: a();',
  ],
  [
    'a long sentence of a comment',
    { 'src/a.ts': ['/** A.', ' *', ` * ${long}.`, ' */', 'export {};'] },
    'src/a.ts:3 sentence: 41 words',
  ],
];

test.for(faults)('%s is found', ([, tree, printed]) => {
  const all = findings(tree);
  expect(all.find((line) => line.startsWith(printed)) ?? all).toMatch(/ → ./);
});

test('an exception that allows nothing is found', () => {
  const [first] = findingsIn([], () => true);
  expect(first).toMatchObject({ file: 'test/house/allowed.mjs', rule: 'allowed' });
});

test('the command prints findings with file and line, and exits with 1', () => {
  const root = mkdtempSync(join(tmpdir(), 'binding-clerk-house-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'README.md'), 'One.\n\nNobody is told.\n');
  const program = fileURLToPath(new URL('check.mjs', import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [program, '--root', root, 'README.md'], {
    encoding: 'utf8',
  });
  expect(stdout).toContain('README.md:3 word: "Nobody" → name the object');
  expect(stdout).toContain('2 findings in 1 files');
  expect(status).toBe(1);
});
