import { describe, expect, test } from 'vitest';
import { addHeaders } from '../../src/protocol/call-headers.js';

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
