import { expect, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';
import type { AttemptLog } from '../../src/invoke/attempt-log.js';
import { exhaustedError, outcomeUnknownError, withCallDetails } from '../../src/invoke/call-errors.js';

const lost = { stage: 'sent', code: 'ECONNRESET' };
const running = { stage: 'answered', code: '409' };

function messageAfter(...outcomes: readonly object[]): string {
  const log = { call: { kind: 'once' }, outcomes, context: { name: '/shop/orders' }, execution: 'unknown' };
  return outcomeUnknownError(log as unknown as AttemptLog).message;
}

test('a lost response that no retry with the idempotency key got is not called a call without retries', () => {
  expect(messageAfter(lost, running)).toBe(
    'Call to /shop/orders was sent and its response was lost; 1 retry with the same idempotency key did not get the response (last result: 409)',
  );
  expect(messageAfter(lost, running, running, running)).toContain('3 retries with the same');
});

test('attempts that were not sent do not count as retries', () => {
  const refused = { stage: 'waiting', code: 'ECONNREFUSED' };
  expect(messageAfter(refused, refused, lost)).toContain(
    "(ECONNRESET). The call was not retried because its kind is 'once'",
  );
});

test('the cause is the last error that does not contradict the execution of the call', () => {
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  const unproven = new ClerkError('ENDPOINT_UNPROVEN', 'Endpoint b proved another key');
  const outcomes = [
    { ...lost, error: reset },
    { stage: 'waiting', code: 'ENDPOINT_UNPROVEN', error: unproven },
  ];
  const errorAfter = (execution: string) =>
    exhaustedError({
      call: { kind: 'safe', startedAt: 0 },
      outcomes,
      context: { name: '/shop/orders', clock: { now: () => 5 } },
      execution,
    } as unknown as AttemptLog);
  expect(errorAfter('unknown')).toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'unknown',
    message: expect.stringContaining('the last attempt failed with ENDPOINT_UNPROVEN') as string,
  });
  expect(errorAfter('unknown').cause).toBe(reset);
  expect(errorAfter('none').cause).toBe(unproven);
});

test('a cause that states the execution of another request is replaced by its own cause', () => {
  const log = {
    call: { kind: 'idempotent' },
    outcomes: [lost],
    context: { name: '/a' },
    execution: 'unknown',
  };
  const reason = new Error('the program ended with code 3');
  const ofStart = new ClerkError('START_FAILED', 'not started', { execution: 'none', cause: reason });
  const failed = new ClerkError('START_FAILED', '/a was not started', { cause: ofStart });
  expect(withCallDetails(log as unknown as AttemptLog, failed)).toMatchObject({
    code: 'START_FAILED',
    execution: 'unknown',
    cause: reason,
  });
});
