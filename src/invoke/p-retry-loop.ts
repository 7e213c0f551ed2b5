/** The only door to p-retry: the loop and its bookkeeping. What is waited for, and on which clock, its users decide. */
import pRetry from 'p-retry';
import type { RetryLoop } from '../core/retry-loop.js';

/** A loop without a bound of its own: `onFailed` ends it by rejecting. Uses no timer. */
export const retryLoop: RetryLoop = (attempt, onFailed) =>
  pRetry((number) => attempt(number).catch(wrapError), {
    retries: Infinity,
    minTimeout: 0,
    maxTimeout: 0,
    // The decision is made here, once; p-retry itself would end the loop at any TypeError.
    onFailedAttempt: ({ error, attemptNumber }) =>
      onFailed(error instanceof WrappedError ? error.cause : error, attemptNumber),
  });

/** p-retry ends its loop at a `TypeError` and at whatever is no `Error`: everything travels in one of our own. */
class WrappedError extends Error {
  override readonly name = 'Carried';
}

function wrapError(error: unknown): never {
  throw new WrappedError('An attempt failed', { cause: error });
}
