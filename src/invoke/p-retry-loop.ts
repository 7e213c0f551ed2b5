import pRetry from 'p-retry';
import type { RetryLoop } from '../core/retry-loop.js';

/** p-retry without limits and delays of its own. `onFailed` waits between attempts, and rejects to end the loop. */
export const retryLoop: RetryLoop = (attempt, onFailed) =>
  pRetry((number) => attempt(number).catch(wrapError), {
    retries: Infinity,
    minTimeout: 0,
    maxTimeout: 0,
    onFailedAttempt: ({ error, attemptNumber }) =>
      onFailed(error instanceof WrappedError ? error.cause : error, attemptNumber),
  });

/** p-retry would not retry after a `TypeError` or a value that is not an error. */
class WrappedError extends Error {
  override readonly name = 'WrappedError';
}

function wrapError(error: unknown): never {
  throw new WrappedError('An attempt failed', { cause: error });
}
