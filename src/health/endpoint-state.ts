import type { EndpointChannels, ConnectedCandidate, SlowStart } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Channel } from '../core/transport.js';
import { EndpointLoad } from './endpoint-load.js';
import { SuccessRate } from './success-rate.js';

/**
 * Health and load of one endpoint, as observed by this clerk. Only the {@link EndpointTable} and its parts write the
 * fields. All instants are in ms on the monotonic clock.
 */
export class EndpointState extends EndpointLoad implements ConnectedCandidate {
  status: 'open' | 'closed' = 'open';
  /** Whether too many answers are failures, although the endpoint may not be ejected. @see {@link FailingEndpoints} */
  isFailing = false;
  /** Whether {@link FailingEndpoints} must hear of each good answer. */
  isWatched = false;
  /**
   * When the current outage began: at the ejection or at the first suspicion, whichever came first. 0 while the endpoint
   * is healthy.
   */
  unhealthySince = 0;
  /** When the endpoint last answered a call or a probe; 0 before the first answer. */
  lastHeardAt = 0;
  /** From when on the silence of a suspect endpoint counts; 0 while the endpoint is not suspect. */
  suspectSince = 0;
  /** Why the endpoint is suspect, as in the event `suspect`. */
  suspectReason = '';
  /** The endpoint as in the newest resolution. A new id, epoch or address creates a new state instead. */
  endpoint: Endpoint;
  readonly channel: Channel;
  readonly tlsChannel: Channel | undefined;
  consecutiveFailures = 0;
  readonly successRate = new SuccessRate();

  /** Number of consecutive attempts to connect (dials) that were refused or timed out. */
  consecutiveDialFailures = 0;
  /** Earliest time of the next dial. Meaningful only while `consecutiveDialFailures` > 0. */
  nextDialAt = 0;
  /** When the dial in progress started, while dials run one at a time; 0 when no dial is in progress. */
  dialStartedAt = 0;

  /** Reason of the last ejection, as in the event `ejected`. */
  ejectionReason = '';
  /** Whether the endpoint is ejected for a time, because its answers reported failures. */
  isEjectedForFailures = false;
  lastEjectedAt = 0;
  /** Number of recent ejections: each adds one, each full minute between two ejections subtracts one. */
  recentEjections = 0;
  /** Length of the last ejection for failing answers, in ms; 0 before the first. */
  stayMs = 0;
  /** When the last ejection for failing answers ended. */
  returnedAt = 0;
  /** Number of good answers until the endpoint is no longer ejected for a single bad answer. */
  goodAnswersNeeded = 0;
  /** When the endpoint began to fail, while `isFailing`. */
  failingSince = 0;
  /** Smoothed share of good answers, 0 … 1, while `isFailing`. */
  achieved = 1;
  /** From when on a failing endpoint gets one call, whatever it achieved. */
  retryAt = 0;

  /** When an attempt was last refused or reset; for an endpoint ejected for silence, when the silence began. */
  lastHardFailureAt = 0;
  /** When a call or a probe last found the endpoint unreachable. */
  lastUnreachableAt = 0;
  /** When the connections to the endpoint were last reset after a late attempt. */
  lastReconnectAt = 0;
  /** When the last probe was sent. */
  lastProbeAt = -Infinity;
  /** How many calls of the service had started when the last probe was sent. */
  callsAtLastProbe = 0;
  /** From when on a repeatable call may be sent to the endpoint as its probe; Infinity when none may. */
  trialDueAt = Infinity;
  /** Whether the table still contains this state. False once the endpoint was removed or replaced. */
  isListed = true;
  slowStart: SlowStart | undefined = undefined;

  constructor(endpoint: Endpoint, { channel, tlsChannel }: EndpointChannels) {
    super();
    this.endpoint = endpoint;
    this.channel = channel;
    this.tlsChannel = tlsChannel;
  }

  get isSuspect(): boolean {
    return this.suspectSince !== 0;
  }

  get isTrial(): boolean {
    return this.status === 'closed' || this.suspectSince !== 0;
  }

  /** The channels of the endpoint, without duplicates. */
  get channels(): readonly Channel[] {
    return this.tlsChannel === undefined || this.tlsChannel === this.channel
      ? [this.channel]
      : [this.channel, this.tlsChannel];
  }

  /** Ends the suspicion and the outage. */
  clearSuspicion(): void {
    this.suspectSince = 0;
    this.suspectReason = '';
    this.unhealthySince = 0;
    this.trialDueAt = Infinity;
    this.consecutiveDialFailures = 0;
    this.nextDialAt = 0;
    this.dialStartedAt = 0;
  }

  /**
   * Forgets failures and load after an ejection.
   *
   * @param latencyMs - the new smoothed latency; 0 when unknown, as after a probe. With 0, the endpoint gets one call at a
   *   time until an answer gives a latency, so that an endpoint that answers only probes fast delays one call.
   */
  recover(latencyMs: number, now: number): void {
    this.clearSuspicion();
    this.consecutiveFailures = 0;
    this.isEjectedForFailures = false;
    this.successRate.clear();
    this.resetLoad(latencyMs, now);
  }
}
