import { expect, test } from 'vitest';
import { accessRights, includingRight, parseRights } from '../../src/core/access-right.js';

test('rights are a list or a text, and come in one order', () => {
  expect(parseRights('call, read')).toEqual(['read', 'call']);
  expect(parseRights(['admin', 'read', 'read'])).toEqual(['read', 'admin']);
  expect(parseRights(accessRights.join(','))).toEqual(accessRights);
});

test.each(['', 'Read', 'read,', 'read write', 'toString', '__proto__', 7, undefined, []])(
  'rights given as %j are rejected',
  (value) => expect(() => parseRights(value)).toThrow(/^Rights must be one or more of read, test/),
);

test.each([
  ['read', 'test', 'read'],
  ['call', 'read', 'call'],
  ['call', 'test', 'call'],
  ['write', 'read', 'write'],
  ['test', 'read', undefined],
  ['admin', 'write', undefined],
  ['write', 'call', undefined],
  ['launch', 'call', undefined],
  ['advertise', 'read', undefined],
] as const)('%s includes %s: %s', (given, right, expected) =>
  expect(includingRight([given], right)).toBe(expected),
);
