import type { ConnectedCandidate } from './candidate.js';
import type { Load } from './load-report.js';

/**
 * What a failed attempt shows about its endpoint.
 *
 * - `refused` no connection could be established
 * - `reset` the connection was closed before a response
 * - `timeout` no byte of a response was received in time
 * - `connect-timeout` no connection was established in time
 * - `status` the response reports a failure
 * - `slow` the endpoint is alive, and the attempt ended before a response
 *
 * `refused`, `reset`, `timeout` and `connect-timeout` eject the endpoint at once.
 */
export type Evidence = 'refused' | 'reset' | 'timeout' | 'connect-timeout' | 'status' | 'slow';

/**
 * Port through which attempts update the health of endpoints. All methods are synchronous and cheap, and never throw.
 */
export interface Health {
  /** Called when an attempt at the candidate starts. */
  attemptStarted(candidate: ConnectedCandidate): void;
  /**
   * Called when the head of a successful response arrives. `latencyMs` is the time since the start of the attempt;
   * undefined when not measured.
   */
  responseReceived(candidate: ConnectedCandidate, latencyMs: number | undefined, now: number): void;
  /**
   * Called when another attempt of a hedged call responded first. `elapsedMs` is a lower bound of the latency of this
   * attempt.
   */
  hedgeLost(candidate: ConnectedCandidate, elapsedMs: number, now: number): void;
  /**
   * Called when the head of a response, successful or not, carries a load; after `responseReceived` or `attemptFailed`.
   */
  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void;
  /** Called when an attempt fails. With `startedAt`, an unresponsive endpoint is distinguished from a slow response. */
  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void;
  /** Called when an attempt ends, with any result; exactly once per `attemptStarted`. */
  attemptEnded(candidate: ConnectedCandidate): void;
  /**
   * Whether an attempt may open a connection to the candidate now. An endpoint that refuses connections or leaves them
   * unanswered gets one attempt at a time, with growing backoff.
   *
   * @see [C4.1](../../docs/guarantees.md#c4-1)
   */
  canDial(candidate: ConnectedCandidate, now: number): boolean;
  /**
   * Returns the earliest time at which `canDial` can return true, in ms on the monotonic clock; 0 while no connection
   * has failed.
   */
  nextDialAt(candidate: ConnectedCandidate): number;
}
