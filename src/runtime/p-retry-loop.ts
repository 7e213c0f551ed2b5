import pRetry from 'p-retry';
import type { RetryLoop } from '../core/retry-loop.js';

/**
 * The loop of p-retry, without its limits and delays. `onFailed` waits between attempts, and rejects to end the loop.
 */
export const retryLoop: RetryLoop = (attempt, onFailed) =>
  pRetry((number) => attempt(number).catch(wrapError), {
    retries: Infinity,
    minTimeout: 0,
    maxTimeout: 0,
    onFailedAttempt: ({ error, attemptNumber }) =>
      onFailed(error instanceof WrappedError ? error.cause : error, attemptNumber),
  });

/**
 * Wraps the error of an attempt, because p-retry does not retry after a `TypeError` or a value that is not an error.
 */
class WrappedError extends Error {
  override readonly name = 'WrappedError';
}

function wrapError(error: unknown): never {
  throw new WrappedError('An attempt failed', { cause: error });
}
