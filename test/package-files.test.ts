/** The files of the npm package. */
import { readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);

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
