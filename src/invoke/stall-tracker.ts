/** A timer this late indicates a stall, in ms. Shorter delays are normal under load. */
const minStallMs = 20;
/** Number of stalls kept. Few calls are older than the oldest one. */
const maxStalls = 16;

interface Stall {
  readonly from: number;
  readonly to: number;
}

/**
 * Periods in which the event loop was blocked or the process was not scheduled. A response may have arrived during a
 * stall and been read late, so stalls extend attempt timeouts and are subtracted from latencies.
 */
export class StallTracker {
  /** When the last stall ended, on the clock's scale; 0 before the first one. Attempts started later saw no stall. */
  lastEndedAt = 0;
  readonly #stalls: Stall[] = [];

  /** Records a stall if a timer that was due at `dueAt` fires only now. */
  record(dueAt: number, now: number): void {
    if (now - dueAt < minStallMs) return;
    this.lastEndedAt = now;
    this.#stalls.push({ from: dueAt, to: now });
    if (this.#stalls.length > maxStalls) this.#stalls.shift();
  }

  /** Total stall time since `startedAt`, in ms. */
  stalledMsSince(startedAt: number): number {
    if (startedAt >= this.lastEndedAt) return 0;
    let sum = 0;
    for (const { from, to } of this.#stalls) sum += Math.max(0, to - Math.max(from, startedAt));
    return sum;
  }

  /**
   * The end of an attempt's timeout extended by the stalls since its start. 0 when there was no stall, or when that
   * time has passed.
   */
  graceUntil(startedAt: number, timeoutMs: number, now: number): number {
    const stalledMs = this.stalledMsSince(startedAt);
    const until = startedAt + timeoutMs + stalledMs;
    return stalledMs > 0 && now < until ? until : 0;
  }
}
