import type { ConnectedCandidate } from './candidate.js';
import type { Load } from './load-report.js';

/**
 * What a failed attempt shows about its endpoint.
 *
 * - `refused` no connection could be established
 * - `reset` the connection was closed before a response
 * - `timeout` nothing was received in time
 * - `connect-timeout` nothing was received in time, and no connection had been established
 * - `status` the response reports a failure
 * - `slow` the endpoint is alive, and its response was not waited for
 *
 * The first four are hard evidence and eject the endpoint at once.
 */
export type Evidence = 'refused' | 'reset' | 'timeout' | 'connect-timeout' | 'status' | 'slow';

/** The port through which attempts update the health of endpoints. All methods are synchronous, cheap and never throw. */
export interface Health {
  /** An attempt starts. */
  attemptStarted(candidate: ConnectedCandidate): void;
  /** The head of a successful response arrived, `latencyMs` after the start; undefined when that was not measured. */
  responseReceived(candidate: ConnectedCandidate, latencyMs: number | undefined, now: number): void;
  /** Another attempt of a hedged call won. This one had no response after `elapsedMs`: a lower bound of its latency. */
  hedgeLost(candidate: ConnectedCandidate, elapsedMs: number, now: number): void;
  /** The head of a response, successful or not, carried a load. Called after the method for the response itself. */
  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void;
  /** The attempt failed. `startedAt` distinguishes an unresponsive endpoint from a slow response. */
  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void;
  /** The attempt ended, with whatever result. Called exactly once per `attemptStarted`. */
  attemptEnded(candidate: ConnectedCandidate): void;
  /**
   * Whether an attempt may connect to this candidate now. An endpoint that refuses or does not accept connections gets one
   * attempt at a time, with growing backoff.
   *
   * @see [C4.1](../../docs/guarantees.md#c4-1)
   */
  canDial(candidate: ConnectedCandidate, now: number): boolean;
  /** When `canDial` will return true again, on the monotonic clock. */
  nextDialAt(candidate: ConnectedCandidate): number;
}
