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
    // p-retry would end the loop at any TypeError: errors arrive wrapped.
    onFailedAttempt: ({ error, attemptNumber }) =>
      onFailed(error instanceof WrappedError ? error.cause : error, attemptNumber),
  });

/** Wraps what an attempt threw: p-retry ends its loop at a `TypeError` and at values that are not errors. */
class WrappedError extends Error {
  override readonly name = 'WrappedError';
}

function wrapError(error: unknown): never {
  throw new WrappedError('An attempt failed', { cause: error });
}
