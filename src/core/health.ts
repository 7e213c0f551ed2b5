import type { ConnectedCandidate } from './candidate.js';
import type { Load } from './load-report.js';

/**
 * What a failed attempt shows about its endpoint. A failure that the caller caused is never evidence, and neither is a
 * response that cannot be parsed.
 *
 * - `refused` no connection could be established: ejects the endpoint at once
 * - `reset` the connection was closed before a response: makes the endpoint suspect
 * - `connect-timeout` no connection was established in time: makes the endpoint suspect if it has answered nothing
 *   since the start of the attempt
 * - `status` the response reports a failure: ejects the endpoint when too many responses report failures
 * - `failure` the program reports a failure: counts as `status` does, but is not a sign of life
 * - `repeated` the same call has already failed at another endpoint: does not count against this endpoint, because the
 *   call itself may be the cause
 */
export type Evidence = 'refused' | 'reset' | 'connect-timeout' | 'status' | 'failure' | 'repeated';

/**
 * Port through which attempts update the health of endpoints. All methods are synchronous and fast, and never throw.
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
   *   so that a slow route does not make an endpoint look slow. Undefined while unknown.
   */
  responseReceived(
    candidate: ConnectedCandidate,
    latencyMs: number | undefined,
    now: number,
    usualMs?: number,
  ): void;
  /**
   * Called when a request that was sent is given up without a response: another attempt was accepted, the deadline has
   * passed, or the caller has aborted the call. An endpoint that answers nothing would otherwise look idle.
   *
   * @param elapsedMs - time since the request was sent, in ms; a lower bound of the latency of the endpoint
   * @param usualMs - as in {@link Health.responseReceived}
   */
  attemptAbandoned(candidate: ConnectedCandidate, elapsedMs: number, now: number, usualMs?: number): void;
  /**
   * Called after `responseReceived` or `attemptFailed` when the head of the response carries the load of the endpoint.
   */
  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void;
  /**
   * Called when an attempt has passed its attempt timeout without a byte of a response. The attempt continues.
   *
   * The endpoint becomes suspect if it has answered no attempt and no probe since `sentAt`. A suspect endpoint gets no
   * calls while another endpoint is free. An answer to an attempt or a probe ends the suspicion. After 1 s without an
   * answer, the endpoint is ejected and reported to the registry. If probes are switched off, the endpoint is not
   * ejected, and the suspicion ends.
   *
   * @param sentAt - when the last byte of the request was sent
   */
  attemptLate(candidate: ConnectedCandidate, sentAt: number, now: number): void;
  /**
   * Called when the connection has taken another piece of a request body after a pause. That is a sign of life: the
   * connection was full, so the endpoint has read earlier pieces.
   */
  uploadContinued(candidate: ConnectedCandidate, now: number): void;
  /**
   * Called when an attempt fails.
   *
   * @param startedAt - when the attempt started; an endpoint that has responded to another attempt since `startedAt` is
   *   slow, not silent
   */
  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void;
  /**
   * Called when a call ends with a failure response, after several endpoints have answered the call with failure
   * responses. The call itself is then probably the cause, so the first of these responses does not count against its
   * endpoint either.
   *
   * @param endpoints - ids of these endpoints, in order; at least two
   * @param startedAt - when the call started
   */
  callFailed(endpoints: readonly string[], startedAt: number, now: number): void;
  /** Called when the head of a response has arrived. The attempt counts as held until it ends. */
  attemptHeld(candidate: ConnectedCandidate): void;
  /**
   * Called when an attempt ends, with any result; exactly once per `attemptStarted`.
   *
   * @param wasHeld - whether `attemptHeld` was called for the attempt
   */
  attemptEnded(candidate: ConnectedCandidate, wasHeld: boolean): void;
  /**
   * Whether an attempt may open a connection to the candidate now. After a failed connection, only one attempt at a
   * time may connect to the endpoint. The backoff between such attempts grows with every failed connection.
   *
   * @see [C4.1](../../docs/guarantees.md#c4-1)
   */
  canDial(candidate: ConnectedCandidate, now: number): boolean;
  /** Returns the earliest time at which `canDial` can return true; 0 while no connection has failed. */
  nextDialAt(candidate: ConnectedCandidate): number;
}
