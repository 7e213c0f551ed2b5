/** The rules for retries: what may be sent again, how often, and for which statuses. */
import type { CallKind } from '../core/idempotency.js';
import type { Stage } from '../core/outcome.js';

/** `free`: the request was not sent. `budget`: retryable if the retry budget allows. `never`: it might run twice. */
export type Retryability = 'free' | 'budget' | 'never';

/**
 * Whether a call may be retried after an attempt that reached `stage`.
 *
 * @param isReplayable - whether the request body can be sent twice
 * @param isStored - whether the call may have run only at an idempotency store that the retry goes to as well
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

/** Maximum number of attempts of one call. @see [C2.1](../../docs/guarantees.md#c2-1) */
export const maxAttempts = 5;

/** No attempt starts with less time left than this, in ms. @see [C2.2](../../docs/guarantees.md#c2-2) */
export const minAttemptMs = 10;

/** Whether a response status is retried at another endpoint or after a wait, if the call may be retried. */
export function isRetryableStatus(statusCode: number): boolean {
  return statusCode === 429 || statusCode === 502 || statusCode === 503 || statusCode === 504;
}
