import type { EndpointChannels, ConnectedCandidate, SlowStart } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Channel } from '../core/transport.js';
import { PeakEwmaLoad } from './peak-ewma-load.js';
import { SuccessWindow } from './success-window.js';

export const minDoubtedRun = 2;

/** Health and load of one endpoint, as observed by this clerk. All instants are in ms on the monotonic clock. */
export class EndpointState extends PeakEwmaLoad implements ConnectedCandidate {
  status: 'open' | 'closed' = 'open';
  isFailing = false;
  /** Whether {@link OutlierEjector} must be notified of each success. */
  isWatched = false;
  /** Start of the current outage, when the endpoint became suspect or was ejected; 0 while the endpoint is healthy. */
  unhealthySince = 0;
  /** When the last response to a call or a probe arrived; 0 before the first response. */
  lastHeardAt = 0;
  /** Since when a suspect endpoint has sent no response; 0 while the endpoint is not suspect. */
  suspectSince = 0;
  suspectReason = '';
  /**
   * Start of the last period in which the endpoint was suspect or ejected as unreachable. The period ends with the
   * first response, at `#silenceEndedAt`.
   */
  #silenceBeganAt = 0;
  #silenceEndedAt = 0;
  /** The endpoint in the newest resolution. An endpoint with a new id, epoch or address gets a new state. */
  endpoint: Endpoint;
  channel: Channel;
  tlsChannel: Channel | undefined;
  /** The addresses of the endpoint when its channels were opened, in the order in which the channels use them. */
  openedFor: readonly string[];
  consecutiveFailures = 0;
  runStartedAt = 0;
  /** An endpoint with this number of consecutive failures is doubted: the endpoint, not the call, may be the cause. */
  doubtedRun = minDoubtedRun;
  /** When a failure was last retracted; 0 for never. @see {@link OutlierEjector.onCallFailed} */
  lastRetractedAt = 0;
  lastFailureAt = 0;
  lastGoodStartedAt = 0;
  readonly successRate = new SuccessWindow();

  consecutiveDialFailures = 0;
  nextDialAt = 0;
  /** When the dial in progress began, set while `consecutiveDialFailures` > 0; 0 without a dial in progress. */
  dialStartedAt = 0;

  ejectionReason = '';
  /**
   * Whether the endpoint was ejected because of failures, not as unreachable. Such an ejection ends after `ejectionMs`.
   */
  isEjectedForFailures = false;
  lastEjectedAt = 0;
  /** Each ejection adds 1; each full minute between two ejections subtracts 1. */
  recentEjections = 0;
  /**
   * Duration of the last timed ejection, in ms; 0 before the first. While `isFailing`, the endpoint gets one call in
   * this interval even if `achieved` is 0.
   */
  ejectionMs = 0;
  returnedAt = 0;
  /** Number of successes until probation ends. During probation, a single failure may eject the endpoint. */
  goodAnswersNeeded = 0;
  /** When `retryAt` was last postponed: when the endpoint began to fail, at a later failure, or at a due call. */
  failingSince = 0;
  /** Smoothed success rate of a failing endpoint, 0 … 1. The value is 1 for any other endpoint. */
  achieved = 1;
  /** From this time, a failing endpoint gets one call even if `achieved` is 0. */
  retryAt = 0;

  /**
   * When an attempt was last refused or reset. If the endpoint was ejected because it sent no response, the value of
   * `suspectSince`.
   */
  lastHardFailureAt = 0;
  lastUnreachableAt = 0;
  lastReconnectAt = 0;
  lastProbeAt = -Infinity;
  callsAtLastProbe = 0;
  /** From this time, a repeatable call may be sent to the endpoint as a probe; Infinity for never. */
  trialDueAt = Infinity;
  isListed = true;
  slowStart: SlowStart | undefined = undefined;

  constructor(endpoint: Endpoint, { channel, tlsChannel }: EndpointChannels) {
    super();
    this.endpoint = endpoint;
    this.channel = channel;
    this.tlsChannel = tlsChannel;
    this.openedFor = endpoint.addresses;
  }

  open({ channel, tlsChannel }: EndpointChannels): void {
    this.channel = channel;
    this.tlsChannel = tlsChannel;
    this.openedFor = this.endpoint.addresses;
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

  get hasFailedLast(): boolean {
    return this.lastFailureAt > this.lastGoodStartedAt;
  }

  get isDoubted(): boolean {
    return (
      this.isFailing ||
      this.isEjectedForFailures ||
      this.goodAnswersNeeded > 0 ||
      this.consecutiveFailures >= this.doubtedRun
    );
  }

  get channels(): readonly Channel[] {
    return this.tlsChannel === undefined || this.tlsChannel === this.channel
      ? [this.channel]
      : [this.channel, this.tlsChannel];
  }

  /** Called when a response ends a suspicion, or the ejection of an unreachable endpoint. */
  endSilence(now: number): void {
    this.#silenceBeganAt = this.unhealthySince;
    this.#silenceEndedAt = now;
  }

  /** Returns the time, in ms, for which the endpoint was suspect or ejected as unreachable since `startedAt`. */
  silentMsSince(startedAt: number, now: number): number {
    if (this.unhealthySince !== 0 && !this.isEjectedForFailures)
      return Math.max(0, now - Math.max(this.unhealthySince, startedAt));
    if (startedAt >= this.#silenceEndedAt) return 0;
    return Math.max(0, this.#silenceEndedAt - Math.max(this.#silenceBeganAt, startedAt));
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
   * @param latencyMs - the new smoothed latency, in ms. If the latency is unknown (0), the endpoint gets one call at
   * a time until the first response.
   */
  recover(latencyMs: number, now: number): void {
    this.clearSuspicion();
    this.consecutiveFailures = 0;
    this.isEjectedForFailures = false;
    this.successRate.clear();
    this.resetLoad(latencyMs, now);
  }
}
