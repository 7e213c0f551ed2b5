/**
 * How far an attempt got. The stage decides whether a call of kind `once` may be retried.
 *
 * - `waiting` no byte of the request was written: certainly not executed
 * - `sent` a byte of the request may have been sent, and no response was received: possibly executed
 * - `answered` the response headers were received: executed
 *
 * @see [C3.3](../../docs/guarantees.md#c3-3)
 */
export type Stage = 'waiting' | 'sent' | 'answered';

/** How an attempt counts for the endpoint's health. `ignored`: the caller aborted the attempt or caused the error. */
export type Verdict = 'success' | 'failure' | 'ignored';

/** Record of one attempt. Immutable. */
export interface Outcome {
  /** Number of the attempt within the call, from 1. */
  readonly attempt: number;
  /** Instance id of the endpoint. */
  readonly endpoint: string;
  /** Address that the attempt used. */
  readonly address: string;
  /**
   * Why the endpoint was picked. First attempt of a call: the name of the policy, or `trial` if the call is the probe
   * of an ejected or suspect endpoint. `failover`: an earlier attempt failed. `join`: an earlier attempt passed its
   * attempt timeout, and continues. `hedge`: the delay of the option `hedge` had passed.
   */
  readonly pickReason: string;
  /** How far the attempt got. */
  readonly stage: Stage;
  /** How the attempt counted for the health of the endpoint. */
  readonly verdict: Verdict;
  /** Error code of a failed attempt; otherwise the HTTP status, or `ok` for a call without HTTP. */
  readonly code: string;
  /** Time from the start of the attempt until the response headers arrived or the attempt failed, in ms. */
  readonly durationMs: number;
  /**
   * `Retry-After` delay of a response with status 429 or 503, in ms. Set only if the delay ends after the deadline of
   * the call, so that the call was not sent again.
   */
  readonly retryAfterMs?: number;
  /** Error of a failed attempt; undefined for any other attempt. */
  readonly error?: unknown;
}
