import type { Clock, Timer } from '../core/clock.js';
import type { EndpointState } from './endpoint-state.js';

/** Options of a {@link Prober}. */
export interface ProberOptions {
  readonly clock: Clock;
  /** Timeout of one probe, in ms. */
  readonly timeoutMs: () => number;
  /** Called when a probe succeeded and no failure of the endpoint was seen since the probe was sent. */
  readonly onAlive: (member: EndpointState) => void;
}

/**
 * Probes unhealthy endpoints. Each endpoint has at most one probe in flight. The delay between two probes of an
 * endpoint grows with the length of the outage. No probes are sent while the service receives no calls. No call waits
 * for a probe, and a probe never keeps the process alive.
 *
 * @see [C2.4](../../docs/guarantees.md#c2-4)
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #timers = new Map<EndpointState, Timer>();
  /** Endpoints whose next probe is due but waits for the next call of the service. */
  readonly #awaitingCall = new Set<EndpointState>();
  readonly #inFlight = new Set<EndpointState>();
  #callCount = 0;
  #stopped = false;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** Counts a call of the service, and sends the probes that wait for a call. */
  callStarted(): void {
    this.#callCount++;
    if (this.#awaitingCall.size > 0) {
      for (const member of this.#awaitingCall) this.#probe(member);
      this.#awaitingCall.clear();
    }
  }

  /** Starts probing an unhealthy endpoint. Does nothing if the endpoint is being probed already. */
  start(member: EndpointState): void {
    if (!this.#awaitingCall.has(member) && !this.#inFlight.has(member)) this.#schedule(member);
  }

  /** Ends probing of an endpoint that is healthy again or was removed. */
  cancel(member: EndpointState): void {
    this.#timers.get(member)?.cancel();
    this.#timers.delete(member);
    this.#awaitingCall.delete(member);
  }

  /** Ends all probing. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#awaitingCall.clear();
  }

  #schedule(member: EndpointState): void {
    if (this.#stopped || this.#timers.has(member)) return;
    const { clock } = this.#options;
    const delayMs = probeDelayMs(clock.now() - member.unhealthySince, member.recentEjections, clock.random());
    const timer = clock.setTimer(() => {
      this.#timers.delete(member);
      if (this.#callCount === member.callsAtLastProbe) this.#awaitingCall.add(member);
      else this.#probe(member);
    }, delayMs);
    timer.setRef(false);
    this.#timers.set(member, timer);
  }

  #probe(member: EndpointState): void {
    member.callsAtLastProbe = this.#callCount;
    const { clock, timeoutMs, onAlive } = this.#options;
    const sentAt = clock.now();
    this.#inFlight.add(member);
    member.channel.probe(timeoutMs()).then(
      () => {
        this.#inFlight.delete(member);
        if (this.#stopped || !member.isListed || member.unhealthySince === 0) return;
        // A failure seen after the probe was sent outweighs the success of the probe.
        if (Math.max(member.lastEjectedAt, member.lastHardFailureAt) > sentAt) this.#schedule(member);
        else onAlive(member);
      },
      () => {
        this.#inFlight.delete(member);
        member.lastUnreachableAt = clock.now();
        if (!this.#stopped && member.isListed && member.unhealthySince !== 0) this.#schedule(member);
      },
    );
  }
}

/**
 * Returns the delay before the next probe, in ms: a tenth of `outageMs`, at least 250 ms and at most 5 s, with ±20 %
 * jitter. The lower bound of 250 ms doubles with each recent ejection after the first, up to 4 s.
 *
 * @param outageMs - time since the endpoint became unhealthy
 * @param ejections - number of recent ejections, including the current one
 * @param random - random number, uniform in [0, 1)
 * @see [decision 019](../../docs/decisions/019-probe-interval.md)
 */
export function probeDelayMs(outageMs: number, ejections: number, random: number): number {
  const minMs = 250 * 2 ** Math.min(Math.max(ejections - 1, 0), 4);
  return Math.min(5_000, Math.max(minMs, outageMs / 10)) * (0.8 + 0.4 * random);
}
