/** The oracle of C9 shares no code with the clerk: what it imports of the library are types. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
/** Files that judge calls. The other files of this folder make calls and replies. */
const judging = [
  'answer-history.ts',
  'call-secrets.ts',
  'dominance-oracle.ts',
  'plain-request.ts',
  'refused-response.ts',
];

test('the files that judge calls import nothing of the library but types', () => {
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(judging));
  for (const file of judging) {
    const code = readFileSync(`${folder}/${file}`, 'utf8');
    const imported = [...code.matchAll(/^import (type )?([^;]*?) from '([^']+)'/gm)]
      .filter(([, type, names]) => type === undefined && !/^\{(\s*type \w+,?)+\s*\}$/.test(String(names)))
      .map(([, , , module]) => String(module));
    expect(
      imported.filter((module) => module.startsWith('binding-clerk') || module.includes('src/')),
      file,
    ).toEqual([]);
    // Helpers of this folder are judging files themselves.
    for (const module of imported.filter((one) => one.startsWith('./')))
      expect(judging).toContain(module.slice(2).replace('.js', '.ts'));
  }
});
