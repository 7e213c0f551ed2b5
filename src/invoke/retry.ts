/** The only door to p-retry: the loop and its bookkeeping. What is waited for, and on which clock, its users decide. */
import pRetry from 'p-retry';
import type { Retry } from '../core/retry.js';

/** A loop without a bound of its own: `onFailed` ends it by rejecting. Uses no timer. */
export const retry: Retry = (attempt, onFailed) =>
  pRetry((number) => attempt(number).catch(carry), {
    retries: Infinity,
    minTimeout: 0,
    maxTimeout: 0,
    // The decision is made here, once; p-retry itself would end the loop at any TypeError.
    onFailedAttempt: ({ error, attemptNumber }) =>
      onFailed(error instanceof Carried ? error.cause : error, attemptNumber),
  });

/** p-retry ends its loop at a `TypeError` and at whatever is no `Error`: everything travels in one of our own. */
class Carried extends Error {
  override readonly name = 'Carried';
}

function carry(error: unknown): never {
  throw new Carried('An attempt failed', { cause: error });
}
