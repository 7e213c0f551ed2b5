/**
 * When this process did not get to its own work: its event loop was blocked, or the machine gave it no time. What was
 * waited for meanwhile may have arrived long before anybody looked, so of such spans endpoints are not blamed.
 */

/** A timer that rings later than this says that the process stood still, in ms: below it is what busy loops do. */
const leastMs = 20;
/** Spans that are remembered; calls that began before the oldest are few. */
const most = 16;

interface Span {
  readonly from: number;
  readonly to: number;
}

/** See the file's header. */
export class OwnLag {
  /** When the last span ended, on the clock's scale; 0 while there was none. Whoever began later need not ask further. */
  lastAt = 0;
  readonly #spans: Span[] = [];

  /** A timer that was due then rings now. */
  note(dueAt: number, now: number): void {
    if (now - dueAt < leastMs) return;
    this.lastAt = now;
    this.#spans.push({ from: dueAt, to: now });
    if (this.#spans.length > most) this.#spans.shift();
  }

  /** How much of the time since an instant this process certainly stood still, in ms. */
  since(at: number): number {
    if (at >= this.lastAt) return 0;
    let sum = 0;
    for (const { from, to } of this.#spans) sum += Math.max(0, to - Math.max(from, at));
    return sum;
  }

  /**
   * Until when an attempt is waited for, as long as that is to come and later than its limit for what this process stood
   * still meanwhile; 0 otherwise.
   */
  graceUntil(beganAt: number, limitMs: number, now: number): number {
    const lagMs = this.since(beganAt);
    const until = beganAt + limitMs + lagMs;
    return lagMs > 0 && now < until ? until : 0;
  }
}
