import { describe, expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { addHeaders } from '../../src/protocol/call-headers.js';
import { propagatesDeadline, effectiveTimeoutMs, capToInbound } from '../../src/invoke/deadline.js';

describe('telling', () => {
  const told = [
    ['clerk-timeout-ms', '40'],
    ['clerk-attempt-count', '2'],
  ] as const;
  const flat = ['clerk-timeout-ms', '40', 'clerk-attempt-count', '2'];

  test.each([
    ['no headers', undefined, Object.fromEntries(told)],
    ['null', null, Object.fromEntries(told)],
    ['a record', { accept: 'a' }, { accept: 'a', ...Object.fromEntries(told) }],
    ['a list', ['accept', 'a'], ['accept', 'a', ...flat]],
    ['pairs', new Map([['accept', 'a']]), ['accept', 'a', ...flat]],
    ['Headers', new Headers({ accept: 'a' }), ['accept', 'a', ...flat]],
    [
      'a record that says one itself',
      { 'Clerk-Attempt-Count': '9' },
      { 'Clerk-Attempt-Count': '9', 'clerk-timeout-ms': '40' },
    ],
    ['a list that says one itself', ['CLERK-ATTEMPT-COUNT', '9'], ['CLERK-ATTEMPT-COUNT', '9', 'clerk-timeout-ms', '40']],
    [
      'pairs that say one themselves',
      new Map([['clerk-attempt-count', '9']]),
      ['clerk-attempt-count', '9', 'clerk-timeout-ms', '40'],
    ],
  ])('goes along with %s', (_what, headers, expected) => {
    const request = Object.freeze({ path: '/', method: 'GET', headers, body: 'x' });
    expect(addHeaders(request, told)).toEqual({ ...request, headers: expected });
  });
});

describe('terms within a call that is served', () => {
  const usual = {
    timeoutMs: 10_000,
    isExplicit: false,
    elapsedMs: 0,
    inboundLeftMs: Infinity,
    allowsRetries: true,
  };
  const served = (deadlineAt: number, attempt = 1) => ({ deadlineAt, attempt, isFinished: false });

  test.each([
    ['with less time', served(1_400), { ...usual, inboundLeftMs: 399 }],
    ['with more time', served(99_000), { ...usual, inboundLeftMs: 97_999 }],
    ['without a time', served(Infinity), usual],
    ['that is a repeat', served(Infinity, 2), { ...usual, allowsRetries: false }],
    [
      'that is a repeat with little time',
      served(1_011, 3),
      { ...usual, inboundLeftMs: 10, allowsRetries: false },
    ],
  ])('%s', (_what, call, expected) => {
    expect(capToInbound(usual, call, 1_000, '/shop/orders')).toEqual(expected);
  });

  test.each([
    ['nobody says anything', usual, undefined, 10_000, false],
    ["the service's record does", usual, 500, 500, true],
    ["the service's record gives more than usual", usual, 30_000, 30_000, true],
    ['the program does too', { ...usual, timeoutMs: 2_000, isExplicit: true }, 500, 2_000, true],
    ['a call is served that ends earlier', { ...usual, inboundLeftMs: 400 }, 500, 400, true],
    ['a call is served that ends later', { ...usual, inboundLeftMs: 600 }, 500, 500, true],
  ])('where %s', (_what, terms, recordMs, timeMs, isTold) => {
    expect([effectiveTimeoutMs(terms, recordMs), propagatesDeadline(terms, recordMs)]).toEqual([
      timeMs,
      isTold,
    ]);
  });

  test.each([1_010, 1_001, 1_000, 400])('are none when its time is over at %d', (deadlineAt) => {
    let error: unknown;
    try {
      capToInbound(usual, served(deadlineAt), 1_000, '/shop/orders');
    } catch (thrown) {
      error = thrown;
    }
    expect(isClerkError(error) && error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
  });
});
