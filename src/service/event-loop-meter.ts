/**
 * How busy this process's event loop is, looked at four times a second while anybody wants to know. The share of the time
 * in which it worked says how full it is, up to 1; how late it comes round says how much more it is asked to do.
 *
 * @see Node's `performance.eventLoopUtilization`
 */
import type { Clock, Timer } from '../core/clock.js';

/** How often it is looked, in ms. */
export const sampleIntervalMs = 250;
/** What is said is true for the last so many looks: 2 s. */
const windowSamples = 8;
/** Timers ring as late as that on an idle loop, in ms. */
const idleTimerDelayMs = 2;
/** A mean wait for the loop of so many ms counts as much as all of the time. */
const fullLoadDelayMs = 100;

interface Sample {
  readonly at: number;
  readonly busyMs: number;
  readonly delayMs: number;
}

/** See the file's header. Keeps no process alive. */
export class EventLoopMeter {
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
  subscribe(listener: (now: number) => void): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined) this.#start();
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
    const intervals = this.#samples.length - 1;
    const meanDelayMs = this.#samples.slice(1).reduce((sum, sample) => sum + sample.delayMs, 0) / intervals;
    return Math.min(1, Math.max(0, busy)) + meanDelayMs / fullLoadDelayMs;
  }

  #start(): void {
    const now = this.#clock.now();
    this.#samples = [{ at: now, busyMs: this.#busyMs(), delayMs: 0 }];
    this.#schedule(now);
  }

  #schedule(now: number): void {
    this.#timer = this.#clock.setTimer(() => this.#sample(now + sampleIntervalMs), sampleIntervalMs);
    this.#timer.setRef(false);
  }

  #sample(dueAt: number): void {
    const now = this.#clock.now();
    this.#samples.push({
      at: now,
      busyMs: this.#busyMs(),
      delayMs: Math.max(0, now - dueAt - idleTimerDelayMs),
    });
    if (this.#samples.length > windowSamples + 1) this.#samples.shift();
    this.#schedule(now);
    for (const listener of [...this.#listeners]) listener(now);
  }
}
