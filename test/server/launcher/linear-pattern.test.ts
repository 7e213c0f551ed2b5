import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinearPattern } from '../../../src/server/launcher/linear-pattern.js';

const atom = fc.constantFrom(
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '[a-c-]',
  '\\d',
  '\\W',
  '\\s',
  '\\.',
  '\\u0061',
  '\u{1F600}',
);
const count = fc.constantFrom('', '*', '+', '?', '{2}', '{0,2}', '{1,}');

/** Patterns in which groups, choices and repetitions are nested. */
const { pattern } = fc.letrec<{ pattern: string; item: string }>((tie) => ({
  pattern: fc
    .array(fc.array(fc.tuple(tie('item'), count), { maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((choices) =>
      choices.map((items) => items.map(([item, repeat]) => item + repeat).join('')).join('|'),
    ),
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    atom,
    tie('pattern').map((inner) => `(${inner})`),
    tie('pattern').map((inner) => `(?:^${inner}$|${inner})`),
  ),
}));
const value = fc
  .array(fc.constantFrom('a', 'b', 'c', '1', '.', '-', ' ', '\n', '\u{1F600}'), { maxLength: 4 })
  .map((chars) => chars.join(''));

test('a pattern matches the same values as a regular expression of the whole value', () => {
  fc.assert(
    fc.property(pattern, fc.array(value, { minLength: 1, maxLength: 10 }), (source, values) => {
      let linear: LinearPattern;
      try {
        linear = new LinearPattern(source);
      } catch (error) {
        // Deep nesting of counts only.
        expect(String(error)).toContain('states');
        return;
      }
      const expression = new RegExp(`^(?:${source})$`, 'u');
      for (const text of values) expect([text, linear.matches(text)]).toEqual([text, expression.test(text)]);
    }),
    { numRuns: 300, seed: 14 },
  );
});

test('each character is read once, whatever the pattern', () => {
  const pattern = new LinearPattern('([a-z]+)+');
  expect(pattern.matches('a'.repeat(256))).toBe(true);
  // A backtracking match would not end.
  expect(pattern.matches(`${'a'.repeat(255)}!`)).toBe(false);
});

test.each([
  ['(', "must close each '('"],
  ['a)|(b', "must not have a ')' without a '('"],
  ['[a', "must close each '['"],
  ['*a', "must not have '*' where a character or a group must begin"],
  ['a**', 'must not repeat a repetition; put the inner one in a group, such as (?:a+)*'],
  ['a+?', "must not have '?' after a repetition"],
  ['a{2', "must have counts such as {2}, {2,} or {2,5} after '{'"],
  ['a{3,2}', 'must not have counts in the wrong order; got {3,2}'],
  ['a{1001}', 'must have counts of at most 1000'],
  ['^*', "must not repeat '^' or '$'"],
  ['(?=a)', 'must not have lookaround, named groups or group flags'],
  ['(?<n>a)', 'must not have lookaround, named groups or group flags'],
  ['(a)\\1', 'must not have backreferences; list the allowed values in enum instead'],
  ['\\p{L}', 'must have only the escapes'],
  ['\\b', 'must have only the escapes'],
  ['[z-a]', "must have ranges such as 'a-z'"],
  ['[\\d-z]', "must have ranges such as 'a-z'"],
  ['\\x1', "must have 2 hexadecimal digits after '\\x'"],
  ['\\ud83d', 'must not have a surrogate after \\u'],
  ['((a{50}){50}){50}', 'must need at most 1000 states'],
  ['('.repeat(40), 'must have at most 32 nested groups'],
])('%s: %s', (source, problem) => {
  expect(() => new LinearPattern(source)).toThrow(problem);
});
