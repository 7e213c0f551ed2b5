import { sleep, type Clock } from '../core/clock.js';
import { isClerkError, errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { RetryLoop } from '../core/retry-loop.js';
import { limits } from '../protocol/limits.js';
import type { WithdrawRequest } from '../protocol/registration-messages.js';
import { isUnavailable } from '../registry-client/connection-errors.js';
import type { LeaseRenewer } from './lease-renewer.js';

export interface WithdrawOptions {
  readonly clock: Clock;
  readonly retry: RetryLoop;
  readonly logger: Logger;
  readonly renewer: LeaseRenewer;
}

/** Maximum time of all attempts together, in ms. */
const timeoutMs = 3_000;

/**
 * Withdraws a registration, with retries that keep the process alive. Never rejects: without a response, the
 * registration ends with its lease. Resolves to the time, in ms, for which clients with a cached resolution may still
 * call the service.
 */
export async function withdraw(
  { clock, retry, logger, renewer }: WithdrawOptions,
  request: WithdrawRequest,
): Promise<number> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = clock.setTimer(
    () => controller.abort(new Error(`no response within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    const { appliesInMs } = await retry(
      () => renewer.withdraw(request, signal),
      async (error) => {
        if (!isUnavailable(error)) throw error;
        signal.throwIfAborted();
        await sleep(clock, 100 + 200 * clock.random());
        signal.throwIfAborted();
      },
    );
    return Math.max(0, appliesInMs);
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_NOT_FOUND') return 0;
    logger.warn(
      `${request.name} could not be withdrawn and stays registered until its lease expires: ${errorMessage(error)}`,
    );
    return limits.lookupTtlMs;
  } finally {
    timer.cancel();
  }
}
