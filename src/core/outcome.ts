/**
 * The one fact: what became of an attempt. Health, load, budget and observers learn from it, and nobody else decides
 * what counts as a failure.
 */

/**
 * How far an attempt got, which alone decides whether it may be repeated.
 *
 * - `waiting` never handed to a connection: queued, connecting or shaking hands. Certainly not executed.
 * - `sent` the first byte may have left, no answer was seen. Perhaps executed.
 * - `answered` the head of an answer arrived. Executed.
 *
 * @see promises C3.3
 */
export type Stage = 'waiting' | 'sent' | 'answered';

/** `ignored` teaches nothing: the caller gave up, or the fault was the caller's own. */
export type Verdict = 'success' | 'failure' | 'ignored';

/** The immutable record of one attempt. */
export interface Outcome {
  /** Number of the attempt within its call; the first is 1. */
  readonly attempt: number;
  /** Instance id of the endpoint. */
  readonly endpoint: string;
  /** The address that was used. */
  readonly address: string;
  /** Why this endpoint: the policy's word, `failover`, or `only` when nothing else was left. */
  readonly pickReason: string;
  /** How far it got. */
  readonly stage: Stage;
  /** What health made of it. */
  readonly verdict: Verdict;
  /** Code of the failure, or the status, or `ok`. */
  readonly code: string;
  /** From the start of the attempt to its end, or to the answer's head, in ms. */
  readonly durationMs: number;
  /** The failure itself, when there was one. */
  readonly error?: unknown;
}
