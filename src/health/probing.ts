/**
 * Asks members in trouble for a sign of life, each by one probe at a time, further and further apart, and only while
 * calls arrive. A probe never costs a call and never keeps the process alive.
 *
 * @see promises C2.4
 */
import type { Clock, Timer } from '../core/clock.js';
import { probeDelayMs } from './ejection.js';
import type { Member } from './member.js';

/** What probing needs. */
export interface ProbingOptions {
  readonly clock: Clock;
  /** How long a probe may take, in ms. */
  readonly limitMs: () => number;
  /** A member gave a sign of life, and nothing worse was seen of it since it was asked. */
  readonly onAlive: (member: Member) => void;
}

/** See the file's header. */
export class Probing {
  readonly #options: ProbingOptions;
  readonly #timers = new Map<Member, Timer>();
  /** Members whose next probe waits for a call to arrive. */
  readonly #dormant = new Set<Member>();
  /** Members whose probe is out. */
  readonly #out = new Set<Member>();
  #calls = 0;
  #stopped = false;

  constructor(options: ProbingOptions) {
    this.#options = options;
  }

  /** A call arrived. */
  called(): void {
    this.#calls++;
    if (this.#dormant.size > 0) {
      for (const member of this.#dormant) this.#probe(member);
      this.#dormant.clear();
    }
  }

  /** Sees to it that a member in trouble is probed. */
  begin(member: Member): void {
    if (!this.#dormant.has(member) && !this.#out.has(member)) this.#schedule(member);
  }

  /** It is well, or gone: nothing more is asked of it. */
  end(member: Member): void {
    this.#timers.get(member)?.cancel();
    this.#timers.delete(member);
    this.#dormant.delete(member);
  }

  /** Ends all probing for good. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#dormant.clear();
  }

  #schedule(member: Member): void {
    if (this.#stopped || this.#timers.has(member)) return;
    const { clock } = this.#options;
    const delayMs = probeDelayMs(clock.now() - member.troubledAt, member.ejections, clock.random());
    const timer = clock.setTimer(() => {
      this.#timers.delete(member);
      if (this.#calls === member.callsAtProbe) this.#dormant.add(member);
      else this.#probe(member);
    }, delayMs);
    timer.setRef(false);
    this.#timers.set(member, timer);
  }

  #probe(member: Member): void {
    member.callsAtProbe = this.#calls;
    const { clock, limitMs, onAlive } = this.#options;
    const askedAt = clock.now();
    this.#out.add(member);
    member.channel.probe(limitMs()).then(
      () => {
        this.#out.delete(member);
        if (this.#stopped || !member.present || member.troubledAt === 0) return;
        // Somebody was failed by it after the question was sent: that is newer than the answer.
        if (Math.max(member.ejectedAt, member.failedAt) > askedAt) this.#schedule(member);
        else onAlive(member);
      },
      () => {
        this.#out.delete(member);
        member.missedAt = clock.now();
        if (!this.#stopped && member.present && member.troubledAt !== 0) this.#schedule(member);
      },
    );
  }
}
