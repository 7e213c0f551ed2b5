import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches, parseGlob } from '../../../../src/core/glob.js';
import { covers } from '../../../../src/server/naming/access/caller-access.js';

const seed = 20_268;
const covering = (outer: string, inner: string) => covers(parseGlob(outer), parseGlob(inner));

test.each([
  ['/**', '/a/*', true],
  ['/**', '/**', true],
  ['/a/**', '/a', true],
  ['/a/**', '/a/**/b', true],
  ['/a/*', '/a/**', false],
  ['/a/*/*', '/a/**', false],
  ['/a/*/**', '/a/**', false],
  ['/a/**', '/**', false],
  ['/a/o*', '/a/or*', true],
  ['/a/or*', '/a/o*', false],
  ['/a/*r', '/a/*', false],
  ['/*/b', '/a/b', true],
  ['/*/b', '/**/b', false],
  ['/**/b', '/**/a/b', true],
  ['/a', '/a/**', false],
])('%s covers %s: %s', (outer, inner, expected) => expect(covering(outer, inner)).toBe(expected));

const segment = fc.constantFrom('a', 'b', 'ab', '*', 'a*', '*b', '**');
const glob = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const name = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'aab', 'c'), { minLength: 1, maxLength: 5 })
  .map((parts) => `/${parts.join('/')}`);

test('a glob that covers another glob matches every name of it', () => {
  let covered = 0;
  fc.assert(
    fc.property(glob, glob, fc.array(name, { minLength: 20, maxLength: 20 }), (outer, inner, names) => {
      if (!covering(outer, inner)) return;
      covered++;
      for (const each of names)
        if (matches(parseGlob(inner), each))
          expect([each, matches(parseGlob(outer), each)]).toEqual([each, true]);
    }),
    { seed, numRuns: 20_000 },
  );
  expect(covered).toBeGreaterThan(200);
});
