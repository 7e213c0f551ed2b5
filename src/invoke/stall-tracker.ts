/** Minimum lateness of a timer that counts as a stall, in ms. Shorter delays of timers are normal under load. */
const minStallMs = 20;
/**
 * Maximum number of recorded stalls. Older stalls are dropped, since few calls in flight are older than the last 16
 * stalls.
 */
const maxStalls = 16;

interface Stall {
  readonly from: number;
  readonly to: number;
}

/**
 * Records stalls: periods in which the event loop was blocked or the process was not scheduled. A response that arrived
 * during a stall was read late. Therefore stalls extend attempt timeouts, and the time of stalls is subtracted from
 * latencies.
 */
export class StallTracker {
  /**
   * When the last stall ended, on the clock's scale; 0 if no stall was recorded. An attempt that started after
   * `lastEndedAt` is not affected by any recorded stall.
   */
  lastEndedAt = 0;
  readonly #stalls: Stall[] = [];

  /**
   * Called when a timer that was due at `dueAt` fires at `now`. Records a stall if the timer is at least 20 ms late.
   */
  record(dueAt: number, now: number): void {
    if (now - dueAt < minStallMs) return;
    this.lastEndedAt = now;
    this.#stalls.push({ from: dueAt, to: now });
    if (this.#stalls.length > maxStalls) this.#stalls.shift();
  }

  /** Returns the total duration of the stalls since `startedAt`, in ms. */
  stalledMsSince(startedAt: number): number {
    if (startedAt >= this.lastEndedAt) return 0;
    let sum = 0;
    for (const { from, to } of this.#stalls) sum += Math.max(0, to - Math.max(from, startedAt));
    return sum;
  }

  /**
   * Returns the time at which an attempt times out: `startedAt` + `timeoutMs` + the duration of the stalls since
   * `startedAt`. Returns 0 if there was no stall since `startedAt`, or if the attempt has already timed out at `now`.
   */
  graceUntil(startedAt: number, timeoutMs: number, now: number): number {
    const stalledMs = this.stalledMsSince(startedAt);
    const until = startedAt + timeoutMs + stalledMs;
    return stalledMs > 0 && now < until ? until : 0;
  }
}
