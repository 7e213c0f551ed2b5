import type { Clock, Timer } from '../core/clock.js';

/** Interval between two samples of the event loop, in ms. */
export const sampleIntervalMs = 250;
/** Number of sampling intervals over which the utilization is computed: 2,000 ms in total. */
const windowSamples = 8;
/** Delay of a timer on an idle event loop, in ms. This delay does not count as load. */
const idleTimerDelayMs = 2;
/** Mean delay of the sampling timer that counts as a utilization of 1, in ms. */
const fullLoadDelayMs = 100;

interface Sample {
  readonly at: number;
  readonly busyMs: number;
  readonly delayMs: number;
}

/**
 * Measures the utilization of this thread's event loop every 250 ms while there are subscribers. The active share of
 * time is at most 1. The delay of the sampling timer is added, to show overload. Does not keep the process alive.
 *
 * @see https://nodejs.org/api/perf_hooks.html#performanceeventlooputilizationutilization1-utilization2
 */
export class EventLoopMeter {
  readonly #clock: Clock;
  readonly #busyMs: () => number;
  readonly #listeners = new Set<(now: number) => void>();
  #samples: Sample[] = [];
  #timer: Timer | undefined;

  /** @param busyMs - total active time of this thread's event loop so far, in ms */
  constructor(clock: Clock, busyMs: () => number) {
    this.#clock = clock;
    this.#busyMs = busyMs;
  }

  /** Calls `listener` with the time of each sample. Returns a function that ends the subscription. */
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
   * Active share of the last 2,000 ms, plus the mean timer delay divided by 100 ms. Undefined before the second
   * sample.
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
