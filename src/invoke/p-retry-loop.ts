import pRetry from 'p-retry';
import type { RetryLoop } from '../core/retry-loop.js';

/**
 * Implements {@link RetryLoop} with p-retry. p-retry adds no limit and no delay: `onFailed` waits between attempts, and
 * rejects to end the loop.
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
 * Wraps the value that an attempt threw. Without the wrapper, p-retry would not retry after a `TypeError` or after a
 * value that is not an error.
 */
class WrappedError extends Error {
  override readonly name = 'WrappedError';
}

function wrapError(error: unknown): never {
  throw new WrappedError('An attempt failed', { cause: error });
}
