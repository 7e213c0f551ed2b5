import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches, parseGlob } from '../../../../src/core/glob.js';
import { OrderedNames } from '../../../../src/server/naming/state/ordered-names.js';
import { GlobIndex } from '../../../../src/server/naming/watch/glob-index.js';
import { scanGlobs } from '../../../../src/server/naming/watch/glob-scan.js';

const segment = fc.constantFrom('a', 'ab', 'a-b', 'b', 'abc');
const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const globSegment = fc.constantFrom('a', 'ab', 'b', '*', '**', 'a*', '*b', 'a*b');
const glob = fc
  .array(globSegment, { minLength: 1, maxLength: 4 })
  .map((parts) => `/${parts.join('/')}`)
  .filter((text) => text.includes('*'));
const namesAndGlobs = [
  fc.uniqueArray(name, { maxLength: 40 }),
  fc.uniqueArray(glob, { minLength: 1, maxLength: 6 }),
] as const;

test('a scan reads every name that a glob matches, each once', () => {
  fc.assert(
    fc.property(...namesAndGlobs, (all, texts) => {
      const names = new OrderedNames();
      names.fill(all);
      const globs = texts.map(parseGlob);
      const scanned = [...scanGlobs(names, globs)];
      expect(new Set(scanned).size).toBe(scanned.length);
      for (const each of all)
        if (globs.some((one) => matches(one, each)))
          expect([texts, scanned]).toEqual([texts, expect.arrayContaining([each])]);
    }),
    { numRuns: 2_000, seed: 14 },
  );
});

test('a scan skips the names below the depth of its globs', () => {
  const names = new OrderedNames();
  names.fill(['/a', '/a/b', '/a/b/c', '/a/b/c/d', '/b/c', '/c/d/e']);
  const scan = (...globs: string[]) => [...scanGlobs(names, globs.map(parseGlob))];
  expect(scan('/*')).toEqual(['/a']);
  expect(scan('/a/*')).toEqual(['/a/b']);
  expect(scan('/a/*', '/b/**')).toEqual(['/a/b', '/b/c']);
  expect(scan('/a/**', '/a/b/*')).toEqual(['/a', '/a/b', '/a/b/c', '/a/b/c/d']);
});

test('an index finds the owners of the globs that match a name', () => {
  fc.assert(
    fc.property(...namesAndGlobs, fc.nat(), (all, texts, removed) => {
      const index = new GlobIndex<number>();
      const globs = texts.map(parseGlob);
      for (const [owner, one] of globs.entries()) {
        index.add(one, owner);
        index.add(one, owner + 100);
      }
      const gone = removed % globs.length;
      index.delete(globs[gone]!, gone);
      index.delete(globs[gone]!, gone + 100);
      for (const each of all) {
        const found = [...index.find(each)].flatMap((owners) => [...(owners ?? [])]).sort((a, b) => a - b);
        const expected = globs.flatMap((one, owner) =>
          owner !== gone && matches(one, each) ? [owner, owner + 100] : [],
        );
        expect(found).toEqual(expected.sort((a, b) => a - b));
        expect(index.has(each)).toBe(found.length > 0);
        expect(index.candidates(each)).toBe([...index.find(each)].length);
      }
    }),
    { numRuns: 2_000, seed: 14 },
  );
});
