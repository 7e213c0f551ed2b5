import type { ConnectedCandidate } from './candidate.js';
import type { Load } from './load-report.js';

/**
 * What a failed attempt shows about its endpoint. A failure that the caller caused, or a response that cannot be
 * parsed, is not evidence.
 *
 * - `refused` the attempt to connect failed, or the endpoint did not prove its key: ejects the endpoint at once
 * - `reset` the connection was closed before a response: makes the endpoint suspect
 * - `connect-timeout` no connection was established in time: makes the endpoint suspect, unless the endpoint has
 * answered something since the start of the attempt
 * - `status` the response reports a failure: too many such responses eject the endpoint
 * - `failure` the program reports a failure: counts as `status` does, but does not show that the endpoint is alive
 * - `repeated` the same call has already failed at another endpoint: does not count, because the call may be the
 * cause
 */
export type Evidence = 'refused' | 'reset' | 'connect-timeout' | 'status' | 'failure' | 'repeated';

/**
 * Port through which attempts update the health of endpoints. All methods are synchronous and fast, and never throw.
 * All times are in ms on the monotonic clock.
 */
export interface Health {
  attemptStarted(candidate: ConnectedCandidate): void;
  /**
   * Called when the headers of a successful response arrive. Any response shows that the endpoint is alive.
   *
   * @param latencyMs - time since the start of the attempt; undefined when not measured, as for an upgrade
   * @param usualMs - median latency of the route class over all endpoints; undefined while unknown. With this value, a
   * slow route does not make an endpoint look slow.
   */
  responseReceived(
    candidate: ConnectedCandidate,
    latencyMs: number | undefined,
    now: number,
    usualMs?: number,
  ): void;
  /**
   * Called when a request was sent and its attempt ended without a response. Without this call, an endpoint that sends
   * no responses would look idle.
   * @param elapsedMs - time since the request was sent; a lower bound of the latency of the endpoint
   */
  attemptAbandoned(candidate: ConnectedCandidate, elapsedMs: number, now: number, usualMs?: number): void;
  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void;
  /**
   * Called when an attempt has passed its attempt timeout without a byte of a response. The attempt continues. The
   * endpoint becomes suspect if it has answered nothing since `sentAt`.
   * @param sentAt - when the last byte of the request was sent
   */
  attemptLate(candidate: ConnectedCandidate, sentAt: number, now: number): void;
  /**
   * Called when the connection has taken another piece of a request body after a pause. The endpoint has then read
   * earlier pieces, so it is alive.
   */
  uploadContinued(candidate: ConnectedCandidate, now: number): void;
  /**
   * @param startedAt - when the attempt started; an endpoint that has responded to another attempt since then is slow,
   * but reachable
   */
  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void;
  /**
   * Called when a call ends with failure responses of several endpoints. The call is then probably the cause. The first
   * response therefore does not count against its endpoint, and the later ones are `repeated`.
   *
   * @param endpoints - ids of these endpoints, in order; at least two
   * @param startedAt - when the call started
   */
  callFailed(endpoints: readonly string[], startedAt: number, now: number): void;
  attemptHeld(candidate: ConnectedCandidate): void;
  /** Called exactly once per `attemptStarted`, after any result. */
  attemptEnded(candidate: ConnectedCandidate, wasHeld: boolean): void;
  /**
   * Whether an attempt may open a connection to the candidate now. After a failed connection, attempts connect one at
   * a time, with a growing backoff. @see [C4.1](../../docs/guarantees.md#c4-1)
   */
  canDial(candidate: ConnectedCandidate, now: number): boolean;
  /** Returns the earliest time at which `canDial` can return true; 0 while no connection has failed. */
  nextDialAt(candidate: ConnectedCandidate): number;
}
