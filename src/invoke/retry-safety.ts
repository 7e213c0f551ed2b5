import type { CallKind } from '../core/idempotency.js';
import type { Stage } from '../core/outcome.js';

/**
 * `free`: a retry needs no retry budget, because the request was not sent. `budget`: a retry needs the retry budget.
 * `never`: no retry is allowed, because the call might run twice, or its body cannot be sent twice.
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

/** What decides whether two attempts of a call may be in flight. */
export interface SingleSendFacts {
  readonly kind: CallKind;
  readonly isReplayable: boolean;
  /** Undefined while retries are switched off. */
  readonly retries: object | undefined;
  readonly isUpgrade: boolean;
}

/**
 * Whether a call must not send two requests at once. Several attempts may wait for a connection. The first attempt
 * that gets a connection is sent, and the other attempts are cancelled.
 */
export function mustSendOnce({ kind, isReplayable, retries, isUpgrade }: SingleSendFacts): boolean {
  return kind === 'once' || !isReplayable || retries === undefined || isUpgrade;
}
