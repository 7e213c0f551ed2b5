import pRetry from 'p-retry';
import type { RetryLoop } from '../core/retry-loop.js';

/**
 * A {@link RetryLoop} over p-retry, without limits or timers: `onFailed` waits between attempts and rejects to end
 * the loop.
 */
export const retryLoop: RetryLoop = (attempt, onFailed) =>
  pRetry((number) => attempt(number).catch(wrapError), {
    retries: Infinity,
    minTimeout: 0,
    maxTimeout: 0,
    // Unwraps the error that `wrapError` has wrapped.
    onFailedAttempt: ({ error, attemptNumber }) =>
      onFailed(error instanceof WrappedError ? error.cause : error, attemptNumber),
  });

/**
 * Wraps the value that an attempt threw, since p-retry ends its loop at a `TypeError` and at a value that is not an
 * error.
 */
class WrappedError extends Error {
  override readonly name = 'WrappedError';
}

function wrapError(error: unknown): never {
  throw new WrappedError('An attempt failed', { cause: error });
}
