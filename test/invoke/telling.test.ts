import { describe, expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { telling } from '../../src/invoke/telling.js';
import { within } from '../../src/invoke/terms.js';

describe('telling', () => {
  const told = [
    ['clerk-time-left', '40'],
    ['clerk-attempt', '2'],
  ] as const;
  const flat = ['clerk-time-left', '40', 'clerk-attempt', '2'];

  test.each([
    ['no headers', undefined, Object.fromEntries(told)],
    ['null', null, Object.fromEntries(told)],
    ['a record', { accept: 'a' }, { accept: 'a', ...Object.fromEntries(told) }],
    ['a list', ['accept', 'a'], ['accept', 'a', ...flat]],
    ['pairs', new Map([['accept', 'a']]), ['accept', 'a', ...flat]],
    ['Headers', new Headers({ accept: 'a' }), ['accept', 'a', ...flat]],
    [
      'a record that says one itself',
      { 'Clerk-Attempt': '9' },
      { 'Clerk-Attempt': '9', 'clerk-time-left': '40' },
    ],
    ['a list that says one itself', ['CLERK-ATTEMPT', '9'], ['CLERK-ATTEMPT', '9', 'clerk-time-left', '40']],
    [
      'pairs that say one themselves',
      new Map([['clerk-attempt', '9']]),
      ['clerk-attempt', '9', 'clerk-time-left', '40'],
    ],
  ])('goes along with %s', (_what, headers, expected) => {
    const request = Object.freeze({ path: '/', method: 'GET', headers, body: 'x' });
    expect(telling(request, told)).toEqual({ ...request, headers: expected });
  });
});

describe('terms within a call that is served', () => {
  const usual = { timeoutMs: 10_000, tellsTime: false, repeats: true };
  const served = (deadlineAt: number, attempt = 1) => ({ deadlineAt, attempt, over: false });

  test.each([
    ['with less time', served(1_400), { timeoutMs: 400, tellsTime: true, repeats: true }],
    ['with more time', served(99_000), { timeoutMs: 10_000, tellsTime: true, repeats: true }],
    ['without a time', served(Infinity), usual],
    ['that is a repeat', served(Infinity, 2), { ...usual, repeats: false }],
    [
      'that is a repeat with little time',
      served(1_001, 3),
      { timeoutMs: 1, tellsTime: true, repeats: false },
    ],
  ])('%s', (_what, call, expected) => {
    expect(within(usual, call, 1_000, '/shop/orders')).toEqual(expected);
  });

  test.each([1_000, 400])('are none when its time was over at %d', (deadlineAt) => {
    let error: unknown;
    try {
      within(usual, served(deadlineAt), 1_000, '/shop/orders');
    } catch (thrown) {
      error = thrown;
    }
    expect(isClerkError(error) && error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
  });
});
