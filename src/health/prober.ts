import type { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../core/clock.js';
import { isLocalError } from '../core/local-errors.js';
import type { ProbeRequest } from '../core/transport.js';
import type { EndpointState } from './endpoint-state.js';
import { EndpointTimers } from './endpoint-timers.js';
import { suspectTimeoutMs } from './suspect-timeout.js';

/**
 * A probe timeout that fires more than this time late, in ms, shows that the event loop was blocked. In this case, a
 * response may have arrived that was not read yet.
 */
const maxLatenessMs = 50;
const minProbeIntervalMs = 500;
const maxProbeIntervalMs = 4_000;
const firstProbeDelayMs = 250;

export interface ProberOptions {
  readonly clock: Clock;
  readonly asyncContext: AsyncResource;
  /** Returns undefined for the default request, and false if probes are switched off. */
  readonly request: () => ProbeRequest | false | undefined;
  readonly onAnswered: (member: EndpointState, sentAt: number) => void;
  /** Called when a probe got no response. Must call {@link Prober.start} for another probe. */
  readonly onUnanswered: (member: EndpointState, sentAt: number) => void;
  /** Called when a probe is due but probes are switched off. For the next 1 s, a call may serve as the probe. */
  readonly onTrialWanted: (member: EndpointState) => void;
}

/**
 * Probes suspect and ejected endpoints, each at most once in 500 ms. The interval grows with the length of the
 * outage. Probes are sent only while calls to the service arrive, or while a call waits for a response of the
 * endpoint. No call waits for a probe. @see [C2.4](../../docs/guarantees.md#c2-4)
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #timers: EndpointTimers;
  readonly #awaitingCall = new Set<EndpointState>();
  readonly #inFlight = new Set<EndpointState>();
  #callCount = 0;
  #stopped = false;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#timers = new EndpointTimers(options.clock);
  }

  callStarted(): void {
    this.#callCount++;
    if (this.#awaitingCall.size > 0) {
      for (const member of this.#awaitingCall) this.#probe(member);
      this.#awaitingCall.clear();
    }
  }

  /** A new suspect endpoint is probed at once, unless its previous probe was sent less than 500 ms ago. */
  start(member: EndpointState): void {
    if (
      this.#stopped ||
      this.#timers.has(member) ||
      this.#awaitingCall.has(member) ||
      this.#inFlight.has(member)
    )
      return;
    const { clock } = this.#options;
    const now = clock.now();
    const { status, unhealthySince, recentEjections, lastProbeAt } = member;
    const outageMs = now - unhealthySince;
    const isFirst = lastProbeAt < unhealthySince;
    const isNewSuspect = status === 'open' && outageMs < 2 * suspectTimeoutMs;
    const delayMs = Math.max(
      isNewSuspect ? 0 : probeDelayMs(outageMs, recentEjections, isFirst, clock.random()),
      lastProbeAt + minProbeIntervalMs * (1 + 0.2 * clock.random()) - now,
    );
    if (delayMs <= 0) this.#probe(member);
    else
      this.#timers.set(member, delayMs, () => {
        if (this.#isWanted(member)) this.#probe(member);
        else this.#awaitingCall.add(member);
      });
  }

  cancel(member: EndpointState): void {
    this.#timers.cancel(member);
    this.#awaitingCall.delete(member);
  }

  stop(): void {
    this.#stopped = true;
    this.#timers.cancelAll();
    this.#awaitingCall.clear();
  }

  /** Sends another probe, because the last probe proved nothing. Does not wait for another call. */
  #repeat(member: EndpointState): void {
    member.callsAtLastProbe = -1;
    this.start(member);
  }

  /**
   * Whether a call has arrived since the last probe, or a call waits for a response of the endpoint. Without a probe,
   * the waiting call may end only at its deadline.
   */
  #isWanted({ callsAtLastProbe, pending, held }: EndpointState): boolean {
    return this.#callCount !== callsAtLastProbe || pending > held;
  }

  #probe(member: EndpointState): void {
    this.#options.asyncContext.runInAsyncScope(() => this.#send(member));
  }

  #send(member: EndpointState): void {
    const { clock, request, onAnswered, onUnanswered, onTrialWanted } = this.#options;
    const sentAt = clock.now();
    member.callsAtLastProbe = this.#callCount;
    member.lastProbeAt = sentAt;
    const probe = request();
    if (probe === false) {
      onTrialWanted(member);
      this.#timers.set(member, suspectTimeoutMs, () => onUnanswered(member, sentAt));
      return;
    }
    this.#inFlight.add(member);
    const settle = (callback: typeof onAnswered): void => {
      this.#inFlight.delete(member);
      if (!this.#stopped && member.isListed && member.unhealthySince !== 0) callback(member, sentAt);
    };
    member.channel.probe(suspectTimeoutMs, probe).then(
      () => settle(onAnswered),
      (error: unknown) => {
        const isBlocked = clock.now() - sentAt > suspectTimeoutMs + maxLatenessMs;
        settle(isBlocked || isLocalError(error) ? (one) => this.#repeat(one) : onUnanswered);
      },
    );
  }
}

/**
 * Returns the delay before a probe of an ejected endpoint: a tenth of `outageMs`, at most 4 s. The minimum is 250 ms
 * for the first probe and 500 ms for all others. Each recent ejection after the first doubles the minimum. Jitter
 * shortens the delay by up to 20 %.
 * @param ejections - number of recent ejections, including the current one
 * @see [decision 019](../../docs/decisions/019-probe-interval.md)
 */
export function probeDelayMs(outageMs: number, ejections: number, isFirst: boolean, random: number): number {
  const minMs = (isFirst ? firstProbeDelayMs : minProbeIntervalMs) * 2 ** Math.max(ejections - 1, 0);
  return Math.min(maxProbeIntervalMs, Math.max(minMs, outageMs / 10)) * (0.8 + 0.2 * random);
}
