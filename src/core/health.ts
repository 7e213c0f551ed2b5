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
 * - `slow` the attempt ended before a response, but the endpoint is known to be alive
 *
 * `refused` and `reset` eject the endpoint at once. `timeout` and `connect-timeout` do so unless the endpoint has
 * responded to another attempt since the failed attempt started.
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
   * Called when the attempt at the candidate ends because another attempt of the same hedged call responded first.
   * `elapsedMs` is the time since the start of the ended attempt; its latency would have been at least as long.
   */
  hedgeLost(candidate: ConnectedCandidate, elapsedMs: number, now: number): void;
  /**
   * Called after `responseReceived` or `attemptFailed` when the head of the response carries the load of the endpoint.
   */
  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void;
  /**
   * Called when an attempt fails. `startedAt` is the start of the attempt: an endpoint that has responded to another
   * attempt since then is slow, not unresponsive.
   */
  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void;
  /** Called when an attempt ends, with any result; exactly once per `attemptStarted`. */
  attemptEnded(candidate: ConnectedCandidate): void;
  /**
   * Whether an attempt may open a connection to the candidate now. After failed connections, an endpoint gets only one
   * connecting attempt at a time, with a backoff that grows with every failed connection.
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
