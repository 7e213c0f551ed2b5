import { describe, expect, test } from 'vitest';
import { addHeaders, setHeaders } from '../../src/protocol/call-headers.js';

describe('addHeaders', () => {
  const pairs = [
    ['clerk-timeout-ms', '40'],
    ['clerk-attempt-count', '2'],
  ] as const;
  const flat = ['clerk-timeout-ms', '40', 'clerk-attempt-count', '2'];

  test.each([
    ['no headers', undefined, Object.fromEntries(pairs)],
    ['null', null, Object.fromEntries(pairs)],
    ['a record', { accept: 'a' }, { accept: 'a', ...Object.fromEntries(pairs) }],
    ['a list', ['accept', 'a'], ['accept', 'a', ...flat]],
    [
      'a record that sets one itself',
      { 'Clerk-Attempt-Count': '9' },
      { 'Clerk-Attempt-Count': '9', 'clerk-timeout-ms': '40' },
    ],
    [
      'a list that sets one itself',
      ['CLERK-ATTEMPT-COUNT', '9'],
      ['CLERK-ATTEMPT-COUNT', '9', 'clerk-timeout-ms', '40'],
    ],
  ])('extends %s', (_what, headers, expected) => {
    const request = Object.freeze({ path: '/', method: 'GET', headers, body: 'x' });
    expect(addHeaders(request, pairs)).toEqual({ ...request, headers: expected });
  });
});

test.each([
  ['no headers', undefined, ['clerk-ticket', 'own']],
  ['a record', { accept: 'a' }, ['clerk-ticket', 'own', 'accept', 'a']],
  ['a list', ['accept', 'a'], ['accept', 'a', 'clerk-ticket', 'own']],
  ['a record with another ticket', { 'Clerk-Ticket': 'x', a: 'b' }, ['clerk-ticket', 'own', 'a', 'b']],
  [
    'a list with other tickets',
    ['CLERK-TICKET', 'x', 'a', 'clerk-ticket', 'clerk-ticket', 'y'],
    ['a', 'clerk-ticket', 'clerk-ticket', 'own'],
  ],
])('a header is added to %s, and replaces every other value', (_what, headers, expected) => {
  const request = Object.freeze({ path: '/', method: 'GET', headers: Object.freeze(headers), body: 'x' });
  expect(setHeaders(request, [['clerk-ticket', 'own']])).toEqual({ ...request, headers: expected });
});
