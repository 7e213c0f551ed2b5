import { expect, test } from 'vitest';
import { callKinds } from '../../src/core/idempotency.js';
import { retryability } from '../../src/invoke/retry-safety.js';

test('a request that was not sent is retried for free, whatever its kind', () => {
  for (const kind of callKinds)
    for (const replayable of [true, false]) expect(retryability(kind, 'waiting', replayable)).toBe('free');
});

test('a request that may have run is retried within the budget if it may run twice, else never', () => {
  for (const stage of ['sent', 'answered'] as const) {
    expect(retryability('safe', stage, true)).toBe('budget');
    expect(retryability('idempotent', stage, true)).toBe('budget');
    expect(retryability('once', stage, true)).toBe('never');
    for (const kind of callKinds) expect(retryability(kind, stage, false)).toBe('never');
  }
});

test("a 'once' call that may have run is retried within the budget only at the store that knows the call", () => {
  for (const stage of ['sent', 'answered'] as const) {
    expect(retryability('once', stage, true, true)).toBe('budget');
    expect(retryability('once', stage, false, true)).toBe('never');
  }
});
