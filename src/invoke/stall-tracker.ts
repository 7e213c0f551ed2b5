/**
 * When this process did not get to its own work: its event loop was blocked, or the machine gave it no time. What was
 * waited for meanwhile may have arrived long before anybody looked, so of such spans endpoints are not blamed.
 */

/** A timer that rings later than this says that the process stood still, in ms: below it is what busy loops do. */
const minStallMs = 20;
/** Spans that are remembered; calls that began before the oldest are few. */
const maxStalls = 16;

interface Stall {
  readonly from: number;
  readonly to: number;
}

/** See the file's header. */
export class StallTracker {
  /** When the last span ended, on the clock's scale; 0 while there was none. Whoever began later need not ask further. */
  lastEndedAt = 0;
  readonly #stalls: Stall[] = [];

  /** A timer that was due then rings now. */
  record(dueAt: number, now: number): void {
    if (now - dueAt < minStallMs) return;
    this.lastEndedAt = now;
    this.#stalls.push({ from: dueAt, to: now });
    if (this.#stalls.length > maxStalls) this.#stalls.shift();
  }

  /** How much of the time since an instant this process certainly stood still, in ms. */
  stalledMsSince(startedAt: number): number {
    if (startedAt >= this.lastEndedAt) return 0;
    let sum = 0;
    for (const { from, to } of this.#stalls) sum += Math.max(0, to - Math.max(from, startedAt));
    return sum;
  }

  /**
   * Until when an attempt is waited for, as long as that is to come and later than its limit for what this process stood
   * still meanwhile; 0 otherwise.
   */
  graceUntil(startedAt: number, timeoutMs: number, now: number): number {
    const stalledMs = this.stalledMsSince(startedAt);
    const until = startedAt + timeoutMs + stalledMs;
    return stalledMs > 0 && now < until ? until : 0;
  }
}
