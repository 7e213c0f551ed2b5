import type { EndpointChannels, ConnectedCandidate, SlowStart } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Channel } from '../core/transport.js';
import { EndpointLoad } from './endpoint-load.js';
import { SuccessRate } from './success-rate.js';

export const minDoubtedRun = 2;

/** Health and load of one endpoint, as observed by this clerk. All instants are in ms on the monotonic clock. */
export class EndpointState extends EndpointLoad implements ConnectedCandidate {
  status: 'open' | 'closed' = 'open';
  isFailing = false;
  /** Whether {@link FailingEndpoints} must learn of each good answer. */
  isWatched = false;
  /** Start of the current outage: the ejection or the first suspicion; 0 while the endpoint is healthy. */
  unhealthySince = 0;
  /** Last answer to a call or a probe; 0 before the first answer. */
  lastHeardAt = 0;
  /** Start of the silence of a suspect endpoint; 0 while the endpoint is not suspect. */
  suspectSince = 0;
  suspectReason = '';
  /** The last time in which the endpoint was suspect or ejected as unreachable, until it answered. */
  #silenceBeganAt = 0;
  #silenceEndedAt = 0;
  /** The endpoint in the newest resolution. An endpoint with a new id, epoch or address gets a new state. */
  endpoint: Endpoint;
  channel: Channel;
  tlsChannel: Channel | undefined;
  /** The addresses, in the order for which the channels were opened. */
  openedFor: readonly string[];
  consecutiveFailures = 0;
  runStartedAt = 0;
  /** An endpoint with this number of failing answers in a row is doubted. */
  doubtedRun = minDoubtedRun;
  /** 0 if no failing answer was retracted. @see {@link FailingEndpoints.onCallFailed} */
  lastRetractedAt = 0;
  lastFailureAt = 0;
  lastGoodStartedAt = 0;
  readonly successRate = new SuccessRate();

  consecutiveDialFailures = 0;
  nextDialAt = 0;
  /** Used while `consecutiveDialFailures` > 0; 0 without a dial in progress. */
  dialStartedAt = 0;

  ejectionReason = '';
  /** Whether the answers of the ejected endpoint were failures. The ejection then ends after `stayMs`. */
  isEjectedForFailures = false;
  lastEjectedAt = 0;
  /** Each ejection adds 1; each full minute between two ejections subtracts 1. */
  recentEjections = 0;
  /**
   * Duration of the last timed ejection; 0 before the first. While `isFailing`, the endpoint gets one call in this
   * interval even if `achieved` is 0.
   */
  stayMs = 0;
  returnedAt = 0;
  /** Good answers until the end of probation. During probation, a single bad answer ejects the endpoint. */
  goodAnswersNeeded = 0;
  /** When the endpoint began to count as failing. A call at `retryAt` sets this time again. */
  failingSince = 0;
  /** Smoothed share of good answers of a failing endpoint, 0 … 1. Otherwise 1. */
  achieved = 1;
  /** From this time, a failing endpoint gets one call even if `achieved` is 0. */
  retryAt = 0;

  /** Last refused or reset attempt. After an ejection for silence: when the silence began. */
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

  /** Called when an answer ends a suspicion, or an ejection as unreachable. */
  endSilence(now: number): void {
    this.#silenceBeganAt = this.unhealthySince;
    this.#silenceEndedAt = now;
  }

  /** The part of the time from `startedAt` to `now` in which the endpoint was silent. */
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
   * @param latencyMs - the new smoothed latency. With 0 for unknown, the endpoint gets one call at a time until an
   * answer shows its latency.
   */
  recover(latencyMs: number, now: number): void {
    this.clearSuspicion();
    this.consecutiveFailures = 0;
    this.isEjectedForFailures = false;
    this.successRate.clear();
    this.resetLoad(latencyMs, now);
  }
}
