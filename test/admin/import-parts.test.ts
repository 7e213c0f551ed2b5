import fc from 'fast-check';
import { expect, test } from 'vitest';
import { importParts } from '../../src/admin/import-parts.js';
import { limits } from '../../src/protocol/limits.js';

const { maxChangedNames } = limits;
const partsOf = (text: string) =>
  [...importParts(Buffer.from(text))].map(({ lines, firstLine }) => [
    firstLine,
    Buffer.from(lines).toString(),
  ]);

test('parts have all bytes, and each begins a line', () => {
  fc.assert(
    fc.property(fc.nat({ max: 3 * maxChangedNames }), fc.constantFrom('', 'end', '\n\n'), (count, rest) => {
      const text = `${Array.from({ length: count }, (_, i) => `line ${String(i + 1)}\n`).join('')}${rest}`;
      const parts = partsOf(text);
      expect(parts.map(([, part]) => part).join('')).toBe(text);
      for (const [firstLine, part] of parts) {
        expect(String(part).split('\n').length).toBeLessThanOrEqual(maxChangedNames + 1);
        if (Number(firstLine) <= count) expect(part).toMatch(new RegExp(`^line ${String(firstLine)}\n`));
      }
    }),
    { numRuns: 50, seed: 3 },
  );
});

test('an input that fits is one part, and so is an empty one', () => {
  expect(partsOf('')).toEqual([[1, '']]);
  expect(partsOf('a\nb')).toEqual([[1, 'a\nb']]);
  expect(partsOf('a\n'.repeat(maxChangedNames))).toHaveLength(1);
  expect(partsOf('a\n'.repeat(maxChangedNames + 1)).at(-1)).toEqual([maxChangedNames + 1, 'a\n']);
});

test('long lines make shorter parts', () => {
  const line = `${'x'.repeat(5 * 1024 * 1024)}\n`;
  expect(partsOf(line.repeat(3)).map(([firstLine]) => firstLine)).toEqual([1, 2, 3]);
});
