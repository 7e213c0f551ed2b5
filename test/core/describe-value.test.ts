import { expect, test } from 'vitest';
import { describeValue } from '../../src/core/describe-value.js';

test.each<[unknown, string]>([
  [undefined, 'undefined'],
  [null, 'null'],
  [5, '5'],
  [Infinity, 'Infinity'],
  [true, 'true'],
  ['a', "'a'"],
  ['\u001b[31m', "'\\u001b[31m'"],
  ['x'.repeat(80), `'${'x'.repeat(80)}'`],
  ['x'.repeat(129), `'${'x'.repeat(80)}…' of 129 characters`],
  [[], 'an empty list'],
  [[7, 8], 'a list of 2'],
  [{ length: 2 }, 'an object'],
  [() => undefined, 'a function'],
  [Symbol.iterator, 'a symbol'],
])('a message describes %j', (value, expected) => {
  expect(describeValue(value)).toBe(expected);
});
