/**
 * How far an attempt got, which alone decides whether it may be retried.
 *
 * - `waiting` never written to a connection: queued, connecting or in a TLS handshake. Certainly not executed.
 * - `sent` the first byte may have left, and no response was received. Possibly executed.
 * - `answered` the head of a response was received. Executed.
 *
 * @see [C3.3](../../docs/guarantees.md#c3-3)
 */
export type Stage = 'waiting' | 'sent' | 'answered';

/** How health counts an attempt. `ignored`: not at all, because the caller aborted it or the error was the caller's. */
export type Verdict = 'success' | 'failure' | 'ignored';

/** The immutable record of one attempt. Health, load, retry budget and observers all learn from it. */
export interface Outcome {
  /** Number of the attempt within its call; the first is 1. */
  readonly attempt: number;
  /** Instance id of the endpoint. */
  readonly endpoint: string;
  /** The address used. */
  readonly address: string;
  /** Why this endpoint was picked: the policy's name, `failover`, or `only` when no other was left. */
  readonly pickReason: string;
  /** How far it got. */
  readonly stage: Stage;
  /** How health counted it. */
  readonly verdict: Verdict;
  /** Code of the failure, or the status, or `ok`. */
  readonly code: string;
  /** From the start of the attempt to its end, or to the head of the response, in ms. */
  readonly durationMs: number;
  /** The failure itself, if any. */
  readonly error?: unknown;
}
