/** Tells the registry that a service goes, for as long as that is worth trying. Keeps the process alive meanwhile. */
import { sleep, type Clock } from '../core/clock.js';
import { isClerkError, reasonOf } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Retry } from '../core/retry.js';
import { limits } from '../wire/limits.js';
import type { WithdrawRequest } from '../wire/messages.js';
import { isNoAnswer } from '../wire/servers.js';
import type { Office } from './office.js';

/** What telling needs. */
export interface WithdrawingParts {
  readonly clock: Clock;
  readonly retry: Retry;
  readonly logger: Logger;
  readonly office: Office;
}

/** How long it is tried for, in ms. */
const triedMs = 3_000;

/**
 * Withdraws a registration. Never rejects: what the registry is not told it learns from the lease.
 *
 * @returns how long there may still be clerks who do not know, in ms
 */
export async function withdrawn(
  { clock, retry, logger, office }: WithdrawingParts,
  request: WithdrawRequest,
): Promise<number> {
  const { signal, abort } = abortable();
  const timer = clock.setTimer(
    () => abort(new Error(`it did not answer within ${String(triedMs)} ms`)),
    triedMs,
  );
  try {
    const { inMs } = await retry(
      () => office.withdraw(request, signal),
      async (error) => {
        if (!isNoAnswer(error)) throw error;
        signal.throwIfAborted();
        await sleep(clock, 100 + 200 * clock.random());
        signal.throwIfAborted();
      },
    );
    return Math.max(0, inMs);
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_NOT_FOUND') return 0;
    logger.warn(`${request.name} could not be withdrawn, its lease will run out: ${reasonOf(error)}`);
    return limits.answerTtlMs;
  } finally {
    timer.cancel();
  }
}

function abortable(): { readonly signal: AbortSignal; readonly abort: (reason: Error) => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) };
}
