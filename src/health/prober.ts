/**
 * Asks members in trouble for a sign of life, each by one probe at a time, further and further apart, and only while
 * calls arrive. A probe never costs a call and never keeps the process alive.
 *
 * @see promises C2.4
 */
import type { Clock, Timer } from '../core/clock.js';
import { probeDelayMs } from './outlier-detection.js';
import type { EndpointState } from './endpoint-state.js';

/** What probing needs. */
export interface ProberOptions {
  readonly clock: Clock;
  /** How long a probe may take, in ms. */
  readonly timeoutMs: () => number;
  /** A member gave a sign of life, and nothing worse was seen of it since it was asked. */
  readonly onAlive: (member: EndpointState) => void;
}

/** See the file's header. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #timers = new Map<EndpointState, Timer>();
  /** Members whose next probe waits for a call to arrive. */
  readonly #awaitingCall = new Set<EndpointState>();
  /** Members whose probe is out. */
  readonly #inFlight = new Set<EndpointState>();
  #callCount = 0;
  #stopped = false;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** A call arrived. */
  callStarted(): void {
    this.#callCount++;
    if (this.#awaitingCall.size > 0) {
      for (const member of this.#awaitingCall) this.#probe(member);
      this.#awaitingCall.clear();
    }
  }

  /** Sees to it that a member in trouble is probed. */
  start(member: EndpointState): void {
    if (!this.#awaitingCall.has(member) && !this.#inFlight.has(member)) this.#schedule(member);
  }

  /** It is well, or gone: nothing more is asked of it. */
  cancel(member: EndpointState): void {
    this.#timers.get(member)?.cancel();
    this.#timers.delete(member);
    this.#awaitingCall.delete(member);
  }

  /** Ends all probing for good. */
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
        // Somebody was failed by it after the question was sent: that is newer than the answer.
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
