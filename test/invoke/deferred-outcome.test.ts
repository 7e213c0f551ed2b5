import { expect, test } from 'vitest';
import { Attempt, type AttemptHandler } from '../../src/invoke/attempt.js';
import { DeferredOutcome } from '../../src/invoke/deferred-outcome.js';
import { DeferredResponse } from '../../src/invoke/deferred-response.js';
import { defaultRetries } from '../../src/invoke/retry-settings.js';
import { candidate } from './fake-call-context.js';

/** A deferred response, and how often its attempt was aborted. */
function deferred(statusCode: number, number = 1) {
  const owner = { onConnect: () => {} } as Partial<AttemptHandler> as AttemptHandler;
  const target = candidate('a');
  const attempt = new Attempt(owner, target, target.channel, number, 'only', 0, 250, true, false);
  const seen = { aborts: 0 };
  attempt.onConnect(() => seen.aborts++);
  const resume = (): void => {};
  const response = new DeferredResponse(attempt, statusCode, [], resume, '', () => {});
  return { attempt, response, seen };
}

test.each([
  ['the first one', undefined, 503, true],
  ['a 404 in place of a 503, since no retry would replace it', 503, 404, true],
  ['a newer 503 in place of a 503', 503, 502, true],
  ['no 503 in place of a 404', 404, 503, false],
  ['a newer 404 in place of a 404', 404, 410, true],
])('of two error responses the better one is kept: %s', (_what, before, next, isAccepted) => {
  const outcome = new DeferredOutcome();
  if (before !== undefined) outcome.keep(deferred(before).response);
  expect(outcome.accepts(next, defaultRetries)).toBe(isAccepted);
});

test('a 503 takes the place of a 404 whose body has broken off', () => {
  const outcome = new DeferredOutcome();
  const { attempt, response } = deferred(404);
  outcome.keep(response);
  attempt.onError(new Error('reset'));
  expect(outcome.response).toBeUndefined();
  expect(outcome.kindFor(defaultRetries)).toBe('none');
  expect(outcome.accepts(503, defaultRetries)).toBe(true);
});

test('a response that is not delivered is aborted, one that is taken is not', () => {
  const outcome = new DeferredOutcome();
  const [first, second, third] = [deferred(503), deferred(404), deferred(404)];
  outcome.keep(first.response);
  outcome.keep(second.response);
  expect([first.seen.aborts, second.seen.aborts]).toEqual([0, 0]);
  expect(outcome.take()).toBe(second.response);
  expect(first.seen.aborts).toBe(0);
  outcome.discard();
  expect([first.seen.aborts, second.seen.aborts]).toEqual([1, 0]);
  outcome.keep(third.response);
  outcome.discard();
  expect(third.seen.aborts).toBe(1);
  expect(outcome.take()).toBeUndefined();
});

test('an earlier complete response is delivered when the body of the newest breaks off', () => {
  const outcome = new DeferredOutcome();
  const [first, second, third] = [deferred(503), deferred(503), deferred(503)];
  outcome.keep(first.response);
  first.response.onComplete(first.response.attempt, null);
  outcome.keep(second.response);
  outcome.keep(third.response);
  expect([first.seen.aborts, second.seen.aborts]).toEqual([0, 1]);
  third.response.onError();
  expect(outcome.take()).toBe(first.response);
});

test('when no body is complete, the response of the earliest attempt is kept beside the newest', () => {
  const outcome = new DeferredOutcome();
  const [second, first, third] = [deferred(504, 2), deferred(504, 1), deferred(504, 3)];
  outcome.keep(second.response);
  outcome.keep(first.response);
  outcome.keep(third.response);
  expect([first.seen.aborts, second.seen.aborts]).toEqual([0, 1]);
  expect([outcome.take(), outcome.take(), outcome.take()]).toEqual([
    third.response,
    first.response,
    undefined,
  ]);
});

test('a response is final unless its status is retried; an invalid response alone is an error', () => {
  const outcome = new DeferredOutcome();
  expect(outcome.kindFor(defaultRetries)).toBe('none');
  outcome.keep(deferred(503).response);
  expect(outcome.kindFor(defaultRetries)).toBe('retryable');
  expect(outcome.kindFor(undefined)).toBe('final');
  outcome.keep(deferred(404).response);
  expect(outcome.kindFor(defaultRetries)).toBe('final');
  outcome.discard();
  outcome.error = new Error('invalid');
  expect(outcome.kindFor(defaultRetries)).toBe('error');
});
