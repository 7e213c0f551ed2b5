import { describe, expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { effectiveTimeoutMs, propagatesDeadline, reachedDeadline } from '../../src/invoke/call-deadline.js';
import { capToInbound } from '../../src/invoke/inbound-deadline.js';

describe('the deadline of a call made while a request is served', () => {
  const defaults = {
    timeoutMs: 10_000,
    isExplicit: false,
    elapsedMs: 0,
    totalTimeoutMs: Infinity,
    inboundLeftMs: Infinity,
    allowsRetries: true,
    overrides: undefined,
    waitsForReady: false,
  };
  const inboundRequest = (deadlineAt: number, attempt = 1) => ({ deadlineAt, attempt, isFinished: false });

  test.each([
    ['less time left', inboundRequest(1_400), { ...defaults, inboundLeftMs: 399 }],
    ['more time left', inboundRequest(99_000), { ...defaults, inboundLeftMs: 97_999 }],
    ['no deadline', inboundRequest(Infinity), defaults],
    ['a retry', inboundRequest(Infinity, 2), { ...defaults, allowsRetries: false }],
    [
      'a retry with little time left',
      inboundRequest(1_011, 3),
      { ...defaults, inboundLeftMs: 10, allowsRetries: false },
    ],
  ])('inbound request: %s', (_what, inbound, expected) => {
    expect(capToInbound(defaults, inbound, 1_000, '/shop/orders')).toEqual(expected);
  });

  test.each([
    ['nothing is configured', defaults, undefined, 10_000, false],
    ['the service config sets one', defaults, 500, 500, true],
    ['the service config sets a longer one', defaults, 30_000, 30_000, true],
    ['the application sets one too', { ...defaults, timeoutMs: 2_000, isExplicit: true }, 500, 2_000, true],
    ['the inbound request ends earlier', { ...defaults, inboundLeftMs: 400 }, 500, 400, true],
    ['the inbound request ends later', { ...defaults, inboundLeftMs: 600 }, 500, 500, true],
  ])('timeout: %s', (_what, deadline, serviceTimeoutMs, timeoutMs, isPropagated) => {
    expect([
      effectiveTimeoutMs(deadline, serviceTimeoutMs),
      propagatesDeadline(deadline, serviceTimeoutMs),
    ]).toEqual([timeoutMs, isPropagated]);
  });

  const explicit = { ...defaults, timeoutMs: 5_000, isExplicit: true, elapsedMs: 501 };
  test.each([
    ['timeoutMs', explicit, undefined, 4_499, 'its deadline of 5000 ms'],
    ['timeoutMs, not that of the service config', explicit, 5_000, 4_499, 'its deadline of 5000 ms'],
    [
      'the inbound request',
      { ...explicit, inboundLeftMs: 300 },
      undefined,
      300,
      'the deadline of the inbound request that the program was serving (300 ms after the start of the call)',
    ],
    [
      'totalTimeoutMs',
      { ...explicit, timeoutMs: 10_000, totalTimeoutMs: 5_000 },
      undefined,
      4_499,
      'its totalTimeoutMs of 5000 ms',
    ],
    [
      'the service config',
      { ...explicit, isExplicit: false, timeoutMs: 10_000 },
      5_000,
      4_499,
      'the call timeout of 5000 ms in the service config',
    ],
  ])('a message names the limit as it was set: %s', (_what, deadline, serviceTimeoutMs, endedMs, text) => {
    expect(reachedDeadline(deadline, serviceTimeoutMs, endedMs)).toBe(text);
  });

  test.each([1_010, 1_001, 1_000, 400])('no call starts when the inbound deadline is at %d', (deadlineAt) => {
    let error: unknown;
    try {
      capToInbound(defaults, inboundRequest(deadlineAt), 1_000, '/shop/orders');
    } catch (thrown) {
      error = thrown;
    }
    expect(isClerkError(error) && error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
  });
});
