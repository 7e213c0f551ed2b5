import type { Clock, Timer } from '../core/clock.js';

export const sampleIntervalMs = 250;
/** Number of samples in the window: 8 × 250 ms = 2,000 ms. */
const windowSamples = 8;
/** Usual delay of a timer on an idle event loop, in ms. This delay does not count as load. */
const idleTimerDelayMs = 2;
/** Mean delay of the sampling timer that adds 1 to the utilization, in ms. */
const fullLoadDelayMs = 100;

interface Sample {
  readonly at: number;
  readonly busyMs: number;
  readonly delayMs: number;
}

/**
 * Measures the utilization of this thread's event loop while it has subscribers. Utilization is the share of time in
 * which the event loop is active. The delay of the sampling timer is added, so that overload gives a value above 1.
 *
 * @see https://nodejs.org/api/perf_hooks.html#performanceeventlooputilizationutilization1-utilization2
 */
export class EventLoopMeter {
  readonly #clock: Clock;
  readonly #busyMs: () => number;
  readonly #listeners = new Set<(now: number) => void>();
  #samples: Sample[] = [];
  #timer: Timer | undefined;

  /** @param busyMs - returns the total active time of this thread's event loop */
  constructor(clock: Clock, busyMs: () => number) {
    this.#clock = clock;
    this.#busyMs = busyMs;
  }

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
