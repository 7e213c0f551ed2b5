const intervalMs = 4;

/**
 * Measures how long this process lets its event loop wait. Both the time that passed between two ticks and the CPU time
 * that the process used meanwhile limit the result, because other processes use the processors too.
 */
export class LoopMeter {
  readonly #timer: NodeJS.Timeout;
  #longestMs = 0;
  #lastAt = performance.now();
  #lastCpu = process.cpuUsage();

  constructor() {
    this.#timer = setInterval(() => this.#tick(), intervalMs);
    this.#timer.unref();
  }

  /** @returns the longest time without a tick since the last call, in ms */
  take(): number {
    this.#tick();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  /** Does not count the time since the last tick. */
  skip(): void {
    this.#tick();
    this.#longestMs = 0;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { user, system } = process.cpuUsage(this.#lastCpu);
    const passedMs = performance.now() - this.#lastAt;
    this.#longestMs = Math.max(this.#longestMs, Math.min(passedMs, (user + system) / 1_000) - intervalMs);
    this.#lastAt = performance.now();
    this.#lastCpu = process.cpuUsage();
  }
}
