import type { StoreUsage } from '../../core/idempotency-store.js';

const secondMs = 1_000;
/** Maximum number of stored calls of one caller, as a multiple of the free places in the store. */
const freeMultiple = 3;

/**
 * Counts the stored calls of each caller. A caller may have three times as many calls as the store has free places.
 * One caller alone thus gets at most three quarters of the store. If ten callers store as many calls as they may, each
 * gets about a tenth of the store, and about a thirtieth stays free for other callers.
 */
export class CallShares {
  /** By caller, then by the second in which the calls were created. */
  readonly #counts = new Map<string, Map<number, number>>();
  readonly #totals = new Map<string, number>();

  admits(caller: string, { calls, maxCalls, bytes = 0, maxBytes = Infinity }: StoreUsage): boolean {
    const free = Math.min(maxCalls - calls, maxCalls * (1 - bytes / maxBytes));
    return (this.#totals.get(caller) ?? 0) < Math.max(1, freeMultiple * free);
  }

  add(caller: string, createdAt: number): void {
    const second = Math.floor(createdAt / secondMs);
    const seconds = this.#counts.get(caller) ?? new Map<number, number>();
    this.#counts.set(caller, seconds);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
    this.#change(caller, 1);
  }

  /** Does nothing for a call that has expired. */
  remove(caller: string, createdAt: number): void {
    const second = Math.floor(createdAt / secondMs);
    const seconds = this.#counts.get(caller);
    const count = seconds?.get(second) ?? 0;
    if (count === 0) return;
    if (count === 1) seconds?.delete(second);
    else seconds?.set(second, count - 1);
    this.#change(caller, -1);
  }

  /**
   * No longer counts calls created before `createdBefore` (in ms since 1970). Calls are counted per second, so calls
   * in the second of `createdBefore` still count.
   */
  expire(createdBefore: number): void {
    const firstSecond = Math.floor(createdBefore / secondMs);
    for (const [caller, seconds] of this.#counts)
      for (const [second, count] of seconds) {
        if (second >= firstSecond) continue;
        seconds.delete(second);
        this.#change(caller, -count);
      }
  }

  #change(caller: string, change: number): void {
    const total = (this.#totals.get(caller) ?? 0) + change;
    if (total > 0) this.#totals.set(caller, total);
    else {
      this.#totals.delete(caller);
      this.#counts.delete(caller);
    }
  }
}
