import type { CallKind } from '../core/idempotency.js';
import type { Stage } from '../core/outcome.js';

/**
 * Whether a call may be retried. `free`: yes, without use of the retry budget, since the request was not sent.
 * `budget`: yes, if the retry budget allows the retry. `never`: no, since the call might run twice or its body cannot
 * be sent twice.
 */
export type Retryability = 'free' | 'budget' | 'never';

/**
 * Whether a call may be retried after an attempt that reached `stage`.
 *
 * @param isReplayable - whether the request body can be sent twice
 * @param isStored - whether the retry goes only to endpoints with the idempotency store of the earlier attempt; this
 * store prevents a second execution
 * @see [C3.3](../../docs/guarantees.md#c3-3)
 * @see [C3.6](../../docs/guarantees.md#c3-6)
 * @see [C4.1](../../docs/guarantees.md#c4-1)
 */
export function retryability(
  kind: CallKind,
  stage: Stage,
  isReplayable: boolean,
  isStored = false,
): Retryability {
  if (stage === 'waiting') return 'free';
  return (kind !== 'once' || isStored) && isReplayable ? 'budget' : 'never';
}

/** Maximum number of attempts of one call that are in flight at a time. */
export const maxInFlight = 3;

/**
 * Maximum number of further attempts after the first attempt, if the retries of the call are switched off. A further
 * attempt then starts only if no byte of the request was written.
 */
export const maxMoves = 4;

/**
 * Another attempt starts only if at least this time is left until the deadline, in ms. The first attempt of a call with
 * a shorter timeout still starts.
 *
 * @see [C2.2](../../docs/guarantees.md#c2-2)
 */
export const minAttemptMs = 10;
