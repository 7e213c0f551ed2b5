import type { ConnectedCandidate } from './candidate.js';
import type { Load } from './load-report.js';

/**
 * What a failed attempt shows about its endpoint. What the caller caused, and a response that cannot be parsed, is never
 * evidence.
 *
 * - `refused` no connection could be established: ejects the endpoint at once
 * - `reset` the connection was closed before a response: makes the endpoint suspect
 * - `connect-timeout` no connection was established in time: makes the endpoint suspect, if the endpoint is silent
 * - `status` the response reports a failure: ejects the endpoint when too many responses do
 * - `failure` the program reports a failure: as `status`, but is not a sign of life
 */
export type Evidence = 'refused' | 'reset' | 'connect-timeout' | 'status' | 'failure';

/**
 * Port through which attempts update the health of endpoints. All methods are synchronous and cheap, and never throw.
 * All times are in ms on the monotonic clock.
 */
export interface Health {
  /** Called when an attempt at the candidate starts. */
  attemptStarted(candidate: ConnectedCandidate): void;
  /**
   * Called when the head of a successful response arrives. Any response is a sign of life.
   *
   * @param latencyMs - time since the start of the attempt; undefined when not measured, as for an upgrade
   * @param usualMs - median latency of the route class over all endpoints. The latency counts relative to this value,
   *   so that a slow route does not make its endpoint look slow. Undefined while unknown.
   */
  responseReceived(
    candidate: ConnectedCandidate,
    latencyMs: number | undefined,
    now: number,
    usualMs?: number,
  ): void;
  /**
   * Called when an attempt is cancelled because another attempt of the same call was accepted. Its latency would have
   * been at least `elapsedMs`, the time since its start.
   *
   * @param usualMs - as in {@link Health.responseReceived}
   */
  hedgeLost(candidate: ConnectedCandidate, elapsedMs: number, now: number, usualMs?: number): void;
  /**
   * Called after `responseReceived` or `attemptFailed` when the head of the response carries the load of the endpoint.
   */
  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void;
  /**
   * Called when an attempt has passed its attempt timeout without a byte of a response. The attempt continues.
   *
   * The endpoint becomes suspect if it has answered nothing since `sentAt`: no attempt and no probe. A suspect endpoint
   * gets no calls while another endpoint is free, until it answers an attempt or a probe. The endpoint is ejected and
   * reported after 1 s of silence to both.
   *
   * @param sentAt - when the last byte of the request was sent
   */
  attemptLate(candidate: ConnectedCandidate, sentAt: number, now: number): void;
  /**
   * Called when an attempt fails. `startedAt` is the start of the attempt: an endpoint that has responded to another
   * attempt since then is slow, not silent.
   */
  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void;
  /** Called when the head of a response has arrived. The attempt counts as held until it ends. */
  attemptHeld(candidate: ConnectedCandidate): void;
  /**
   * Called when an attempt ends, with any result; exactly once per `attemptStarted`.
   *
   * @param wasHeld - whether `attemptHeld` was called for the attempt
   */
  attemptEnded(candidate: ConnectedCandidate, wasHeld: boolean): void;
  /**
   * Whether an attempt may open a connection to the candidate now. After failed connections, an endpoint gets only one
   * connecting attempt at a time, with a backoff that grows with every failed connection.
   *
   * @see [C4.1](../../docs/guarantees.md#c4-1)
   */
  canDial(candidate: ConnectedCandidate, now: number): boolean;
  /** Returns the earliest time at which `canDial` can return true; 0 while no connection has failed. */
  nextDialAt(candidate: ConnectedCandidate): number;
}
