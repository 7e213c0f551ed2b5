import pRetry from 'p-retry';
import type { RetryLoop } from '../core/retry-loop.js';

/**
 * The loop of p-retry, which decides with `shouldRetry` and ends with the signal. It has no limit and no delays of its
 * own, since these use the global timers. @see [decision 155](../../docs/decisions/155-p-retry-waits-on-the-clock.md)
 */
export const retryLoop: RetryLoop = async (attempt, { signal, shouldRetry = () => true, wait }) => {
  try {
    return await pRetry((number) => attempt(number).catch(wrapError), {
      ...{ retries: Infinity, minTimeout: 0, maxTimeout: 0, signal },
      async shouldRetry({ error, attemptNumber }) {
        // p-retry itself then ends the loop.
        if (signal?.aborted === true) return true;
        const failure = unwrapError(error);
        if (!shouldRetry(failure)) return false;
        await wait(failure, attemptNumber);
        return true;
      },
    });
  } catch (error) {
    // p-retry replaces a reason that is not an error by a `TypeError`.
    throw signal?.aborted === true ? signal.reason : unwrapError(error);
  }
};

/**
 * Wraps the error of an attempt, because p-retry ends at a `TypeError` other than a failed `fetch`, and replaces a value
 * that is not an error. The registry of a program may reject with either.
 */
class WrappedError extends Error {
  override readonly name = 'WrappedError';
}

function wrapError(error: unknown): never {
  throw new WrappedError('An attempt failed', { cause: error });
}

function unwrapError(error: unknown): unknown {
  return error instanceof WrappedError ? error.cause : error;
}
