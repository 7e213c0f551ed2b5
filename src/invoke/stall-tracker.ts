/** Minimum delay of a timer that counts as a stall, in ms. Shorter delays are normal under load. */
const minStallMs = 20;
/** Maximum number of stalls kept. Few calls in flight are older than the oldest stall kept. */
const maxStalls = 16;

interface Stall {
  readonly from: number;
  readonly to: number;
}

/**
 * Records stalls: periods in which the event loop was blocked or the process was not scheduled. A response that arrived
 * during a stall was read late. So stalls extend attempt timeouts and are subtracted from latencies.
 */
export class StallTracker {
  /**
   * When the last stall ended, on the clock's scale; 0 before the first one. An attempt started after `lastEndedAt` is
   * not affected by any stall.
   */
  lastEndedAt = 0;
  readonly #stalls: Stall[] = [];

  /** Records a stall if a timer due at `dueAt` fires 20 ms late or later. */
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
   * When the timeout of an attempt ends if the stalls since its start extend the timeout. 0 when there was no stall, or
   * when the extended timeout has ended.
   */
  graceUntil(startedAt: number, timeoutMs: number, now: number): number {
    const stalledMs = this.stalledMsSince(startedAt);
    const until = startedAt + timeoutMs + stalledMs;
    return stalledMs > 0 && now < until ? until : 0;
  }
}
