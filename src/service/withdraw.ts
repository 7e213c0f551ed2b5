import { abortableSleep } from '../core/abortable-sleep.js';
import type { Clock } from '../core/clock.js';
import { isClerkError, errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { RetryLoop } from '../core/retry-loop.js';
import { retryDelayMs } from '../core/server-requested-delay.js';
import { withDeadline } from '../core/with-deadline.js';
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
const retryDelay = { maxAskedMs: 0, backoffMs: 300 };

/**
 * Withdraws a registration, with retries that keep the process alive. Never rejects: without a response, the
 * registration ends with its lease. Resolves to the time, in ms, for which clients with a cached resolution may still
 * call the service.
 */
export async function withdraw(
  { clock, retry, logger, renewer }: WithdrawOptions,
  request: WithdrawRequest,
): Promise<number> {
  const deadline = {
    ...{ clock, limitMs: timeoutMs, keepsAlive: true, parents: [] },
    onTimeout: () => new Error(`no response within ${timeoutMs} ms`),
  };
  try {
    const { appliesInMs } = await withDeadline(deadline, (signal) =>
      retry(() => renewer.withdraw(request, signal), {
        signal,
        shouldRetry: isUnavailable,
        wait: () => abortableSleep(clock, retryDelayMs(clock.random(), retryDelay), signal),
      }),
    );
    return Math.max(0, appliesInMs);
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_NOT_FOUND') return 0;
    logger.warn(
      `${request.name} may stay registered until its lease expires, because its withdrawal failed: ${errorMessage(error)}`,
    );
    return limits.lookupTtlMs;
  }
}
