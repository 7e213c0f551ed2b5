/** A timer that is late by at least this time, in ms, shows a stall. Shorter delays are normal under load. */
const minStallMs = 20;
/** Maximum number of recorded stalls. Few calls in flight are older than the last 16 stalls. */
const maxStalls = 16;

interface Stall {
  readonly from: number;
  readonly to: number;
}

/**
 * Records stalls: periods in which this process did not run its event loop. A response that arrives during a stall is
 * read late. Therefore stalls extend attempt timeouts and are subtracted from latencies.
 */
export class StallTracker {
  /** When the last stall ended; 0 without a stall. No stall affects an attempt that started after this time. */
  lastEndedAt = 0;
  readonly #stalls: Stall[] = [];

  record(dueAt: number, now: number): void {
    if (now - dueAt < minStallMs) return;
    this.lastEndedAt = now;
    this.#stalls.push({ from: dueAt, to: now });
    if (this.#stalls.length > maxStalls) this.#stalls.shift();
  }

  stalledMsSince(startedAt: number): number {
    if (startedAt >= this.lastEndedAt) return 0;
    let sum = 0;
    for (const { from, to } of this.#stalls) sum += Math.max(0, to - Math.max(from, startedAt));
    return sum;
  }

  /**
   * Returns when an attempt times out, extended by the stalls since `startedAt`. Returns 0 without a stall, or if the
   * extended time has passed too.
   */
  graceUntil(startedAt: number, timeoutMs: number, now: number): number {
    const stalledMs = this.stalledMsSince(startedAt);
    const until = startedAt + timeoutMs + stalledMs;
    return stalledMs > 0 && now < until ? until : 0;
  }
}
