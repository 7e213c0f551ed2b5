import type { CallKind } from '../core/idempotency.js';
import type { Stage } from '../core/outcome.js';

/**
 * `free`: without the retry budget, because the request was not sent. `budget`: if the retry budget allows. `never`:
 * the call might run twice, or its body cannot be sent twice.
 */
export type Retryability = 'free' | 'budget' | 'never';

/**
 * Whether a call may be retried after an attempt that reached `stage`.
 * @param isStored - whether an idempotency store prevents a second execution, because the retry uses the same store
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

export const maxInFlight = 3;

/**
 * Maximum number of further attempts while retries are switched off. They are possible only while no byte of the
 * request was written.
 */
export const maxMoves = 4;

/**
 * A further attempt starts only if this time is left until the deadline. @see [C2.2](../../docs/guarantees.md#c2-2)
 */
export const minAttemptMs = 10;
