/** The command line replaces parts of messages that advise programmers. Each of these parts must be in a message. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../src/', import.meta.url));
const own = 'cli/print-error.ts';

test('each text that the command line replaces is in a message', () => {
  const replaced = [
    ...readFileSync(root + own, 'utf8').matchAll(/\.replace\(\s*(?:'([^']+)'|"([^"]+)")/g),
  ].map(([, single, double]) => single ?? double ?? '');
  expect(replaced.length).toBeGreaterThan(8);
  const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && path !== own)
    .map((path) => readFileSync(root + path, 'utf8'))
    .join('\n');
  expect(replaced.filter((text) => !source.includes(text))).toEqual([]);
});
