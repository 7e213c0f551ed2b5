/**
 * How busy this process's event loop is, looked at four times a second while anybody wants to know. The share of the time
 * in which it worked says how full it is, up to 1; how late it comes round says how much more it is asked to do.
 *
 * @see Node's `performance.eventLoopUtilization`
 */
import type { Clock, Timer } from '../core/clock.js';

/** How often it is looked, in ms. */
export const tickMs = 250;
/** What is said is true for the last so many looks: 2 s. */
const window = 8;
/** Timers ring as late as that on an idle loop, in ms. */
const usualMs = 2;
/** A mean wait for the loop of so many ms counts as much as all of the time. */
const fullMs = 100;

interface Sample {
  readonly at: number;
  readonly busyMs: number;
  readonly lateMs: number;
}

/** See the file's header. Keeps no process alive. */
export class LoopMeter {
  readonly #clock: Clock;
  readonly #busyMs: () => number;
  readonly #listeners = new Set<(now: number) => void>();
  #samples: Sample[] = [];
  #timer: Timer | undefined;

  /** @param busyMs - for how long this thread's event loop has worked so far, in ms */
  constructor(clock: Clock, busyMs: () => number) {
    this.#clock = clock;
    this.#busyMs = busyMs;
  }

  /** Calls back at each look until the returned function runs. */
  join(listener: (now: number) => void): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined) this.#begin();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    };
  }

  /**
   * The share of the last seconds in which the loop worked, plus how long it kept others waiting on average, in tenths of a
   * second. Undefined before the second look.
   */
  get utilization(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at <= first.at) return undefined;
    const busy = (last.busyMs - first.busyMs) / (last.at - first.at);
    const looks = this.#samples.length - 1;
    const lateMs = this.#samples.slice(1).reduce((sum, sample) => sum + sample.lateMs, 0) / looks;
    return Math.min(1, Math.max(0, busy)) + lateMs / fullMs;
  }

  #begin(): void {
    const now = this.#clock.now();
    this.#samples = [{ at: now, busyMs: this.#busyMs(), lateMs: 0 }];
    this.#next(now);
  }

  #next(now: number): void {
    this.#timer = this.#clock.setTimer(() => this.#look(now + tickMs), tickMs);
    this.#timer.setRef(false);
  }

  #look(dueAt: number): void {
    const now = this.#clock.now();
    this.#samples.push({
      at: now,
      busyMs: this.#busyMs(),
      lateMs: Math.max(0, now - dueAt - usualMs),
    });
    if (this.#samples.length > window + 1) this.#samples.shift();
    this.#next(now);
    for (const listener of [...this.#listeners]) listener(now);
  }
}
