import type { EndpointChannels, ConnectedCandidate, SlowStart } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Channel } from '../core/transport.js';
import { EndpointLoad } from './endpoint-load.js';
import { SuccessRate } from './success-rate.js';

/** Lowest value of {@link EndpointState.doubtedRun}. */
export const minDoubtedRun = 2;

/**
 * Health and load of one endpoint, as observed by this clerk. Only this folder writes the fields. All instants are in
 * ms on the monotonic clock.
 */
export class EndpointState extends EndpointLoad implements ConnectedCandidate {
  /** `closed` while the endpoint is ejected, otherwise `open`. */
  status: 'open' | 'closed' = 'open';
  /**
   * Whether the endpoint fails too often, but stays in use because too many endpoints are ejected already.
   *
   * @see {@link FailingEndpoints}
   */
  isFailing = false;
  /** Whether {@link FailingEndpoints} must learn of each good answer. */
  isWatched = false;
  /** When the current outage began, with the ejection or the first suspicion; 0 while the endpoint is healthy. */
  unhealthySince = 0;
  /** When the endpoint last answered a call or a probe; 0 before the first answer. */
  lastHeardAt = 0;
  /** Start of the silence of a suspect endpoint; 0 while the endpoint is not suspect. */
  suspectSince = 0;
  /** Why the endpoint became suspect: the `reason` of the event `suspect`. */
  suspectReason = '';
  /** The endpoint in the newest resolution. An endpoint with a new id, epoch or address gets a new state. */
  endpoint: Endpoint;
  readonly channel: Channel;
  readonly tlsChannel: Channel | undefined;
  consecutiveFailures = 0;
  /** Start time of the first of the {@link consecutiveFailures}. */
  runStartedAt = 0;
  /** An endpoint with this number of failing answers in a row is doubted. */
  doubtedRun = minDoubtedRun;
  /** When a failing answer was last retracted; 0 if never. @see {@link FailingEndpoints.onCallFailed} */
  lastRetractedAt = 0;
  /** When an attempt last failed with a failing answer, a lost connection or an error of the program's function. */
  lastFailureAt = 0;
  /** When the attempt with the last good answer started. */
  lastGoodStartedAt = 0;
  readonly successRate = new SuccessRate();

  /** Number of consecutive dials (attempts to connect) that were refused or timed out. */
  consecutiveDialFailures = 0;
  /** Earliest time of the next dial, while `consecutiveDialFailures` > 0. */
  nextDialAt = 0;
  /** When the dial in progress started, while `consecutiveDialFailures` > 0; 0 without a dial. */
  dialStartedAt = 0;

  /** Why the endpoint was last ejected: the `reason` of the event `ejected`. */
  ejectionReason = '';
  /** Whether the endpoint is ejected because its answers were failures. This ejection ends after `stayMs`. */
  isEjectedForFailures = false;
  lastEjectedAt = 0;
  /** Number of recent ejections, ≥ 0. Each ejection adds 1; each full minute between two ejections subtracts 1. */
  recentEjections = 0;
  /**
   * Duration of the last timed ejection, in ms; 0 before the first. While `isFailing`, the endpoint gets one call in
   * this interval even if `achieved` is 0.
   */
  stayMs = 0;
  /** When the last timed ejection ended, or will end. */
  returnedAt = 0;
  /** Number of good answers until the end of probation. During probation, a single bad answer ejects the endpoint. */
  goodAnswersNeeded = 0;
  /** When the endpoint began to count as failing. A call at `retryAt` sets this time again. */
  failingSince = 0;
  /** Smoothed share of good answers of a failing endpoint, 0 … 1. Otherwise 1. */
  achieved = 1;
  /** Time from which a failing endpoint gets one call even if `achieved` is 0. */
  retryAt = 0;

  /** When an attempt was last refused or reset. After an ejection for silence: when the silence began. */
  lastHardFailureAt = 0;
  /** When a call or a probe last found the endpoint unreachable. */
  lastUnreachableAt = 0;
  /** When the connections to the endpoint were last reset after a late attempt. */
  lastReconnectAt = 0;
  lastProbeAt = -Infinity;
  /** Number of calls of the service before the last probe. */
  callsAtLastProbe = 0;
  /** Time from which a repeatable call may be sent to the endpoint as a probe; Infinity for never. */
  trialDueAt = Infinity;
  /** Whether the table still contains this state. */
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

  get isOnProbation(): boolean {
    return this.goodAnswersNeeded > 0;
  }

  get isDoubted(): boolean {
    return (
      this.isFailing ||
      this.isEjectedForFailures ||
      this.goodAnswersNeeded > 0 ||
      this.consecutiveFailures >= this.doubtedRun
    );
  }

  /** The channels of the endpoint, without duplicates. */
  get channels(): readonly Channel[] {
    return this.tlsChannel === undefined || this.tlsChannel === this.channel
      ? [this.channel]
      : [this.channel, this.tlsChannel];
  }

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
   * @param latencyMs - the new smoothed latency, in ms; 0 when unknown, as after a probe. The endpoint then gets one
   * call at a time until an answer shows its latency.
   */
  recover(latencyMs: number, now: number): void {
    this.clearSuspicion();
    this.consecutiveFailures = 0;
    this.isEjectedForFailures = false;
    this.successRate.clear();
    this.resetLoad(latencyMs, now);
  }
}
