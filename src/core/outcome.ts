/**
 * How far an attempt got. For a call of kind `once`, the stage decides whether the call may be retried.
 *
 * - `waiting` the request was not written: the request was queued, or the connection was not established. Certainly not
 *   executed.
 * - `sent` at least one byte of the request may have been sent, and no response was received. Possibly executed.
 * - `answered` the head of a response was received. Executed.
 *
 * @see [C3.3](../../docs/guarantees.md#c3-3)
 */
export type Stage = 'waiting' | 'sent' | 'answered';

/**
 * How an attempt counts for the endpoint's health. `ignored`: the attempt does not count, because the caller aborted
 * the attempt or caused the error.
 */
export type Verdict = 'success' | 'failure' | 'ignored';

/** Record of one attempt. Immutable. */
export interface Outcome {
  /** Number of the attempt within the call; the first attempt is 1. */
  readonly attempt: number;
  /** Instance id of the endpoint. */
  readonly endpoint: string;
  /** Address that the attempt used. */
  readonly address: string;
  /** Why the endpoint was picked: the name of the policy, or `failover` after a failed attempt of the same call. */
  readonly pickReason: string;
  /** How far the attempt got. */
  readonly stage: Stage;
  /** How the attempt counted for the endpoint's health. */
  readonly verdict: Verdict;
  /** Error code of a failed attempt; otherwise the HTTP status, or `ok` for a call without HTTP. */
  readonly code: string;
  /** Time from the start of the attempt to the head of the response, or to the failure, in ms. */
  readonly durationMs: number;
  /** Error of a failed attempt. */
  readonly error?: unknown;
}
