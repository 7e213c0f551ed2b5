import type { Clock } from '../../core/clock.js';
import type { NameEntry } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';

/** A change waits this long after the end of a guarantee, for clients with a slow clock. */
export const clockMarginMs = 250;

/**
 * Computes when the guarantee of each entry ends. A lookup guarantees that its entries do not change for
 * `guaranteedMs`. The times of lookups are in memory only. After a restart, the guarantee of every entry therefore
 * starts again.
 *
 * @see [C1.2](../../../docs/guarantees.md#c1-2), [C1.3](../../../docs/guarantees.md#c1-3)
 */
export class Guarantees {
  /**
   * Time at which the pending change of each frozen entry applies, by name. `Infinity` while the change is being
   * written.
   */
  readonly #frozen = new Map<string, number>();
  /** The least value in `#frozen`; undefined until it is needed again. */
  #earliest: number | undefined = Infinity;
  readonly #beingWritten = new Set<string>();
  readonly #state: NamingState;
  readonly #clock: Clock;
  /** Until then, a guarantee that the registry has lost may hold for any entry. */
  #lostUntil = 0;

  constructor(state: NamingState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  isFrozen({ name }: NameEntry): boolean {
    // Usually `#frozen` and `#beingWritten` are empty, and `size` is cheaper than `has`.
    return (
      (this.#frozen.size > 0 && this.#frozen.has(name)) ||
      (this.#beingWritten.size > 0 && this.#beingWritten.has(name))
    );
  }

  /** Returns 0 for an entry that may change at once. */
  remainingMs(name: string, guaranteedMs: number): number {
    const lastServedAt = this.#state.entries.get(name)?.lastServedAt ?? 0;
    const until = this.#frozen.get(name);
    if (until === Infinity) return 0;
    if (until !== undefined) return Math.max(0, until - this.#clock.now());
    const lostMs = Math.max(0, this.#lostUntil - this.#clock.now());
    if (lastServedAt === 0 || guaranteedMs === 0) return lostMs;
    return Math.max(lostMs, lastServedAt + guaranteedMs + clockMarginMs - this.#clock.now());
  }

  /**
   * Called when the registry has lost changes. It may have guaranteed any entry for as long as the longest guarantee of
   * all entries, which counts as just given.
   */
  restart(): void {
    let longestMs = 0;
    for (const { record } of this.#state.entries.values())
      longestMs = Math.max(longestMs, record.guaranteedMs);
    if (longestMs > 0) this.#lostUntil = this.#clock.now() + longestMs + clockMarginMs;
  }

  /** A lookup with a guarantee must also call {@link Guarantees.recordServed}. */
  guaranteedMs(entry: NameEntry): number {
    const { guaranteedMs } = entry.record;
    if (this.#beingWritten.size > 0 && this.#beingWritten.has(entry.name)) return 0;
    const until = this.#frozen.size === 0 ? undefined : this.#frozen.get(entry.name);
    if (until === undefined) return guaranteedMs;
    if (until === Infinity) return 0;
    return Math.max(0, Math.min(guaranteedMs, Math.floor(until - clockMarginMs - this.#clock.now())));
  }

  /** Has no effect on the guarantee of a frozen entry. */
  recordServed(entry: NameEntry, now: number): void {
    if (entry.service !== undefined) entry.service.endpointsShownAt = now;
    if (!this.isFrozen(entry)) entry.lastServedAt = now;
  }

  /** @param until - time at which the pending change applies; `Infinity` while the change is being written */
  freeze(name: string, until: number): void {
    this.unfreeze(name);
    this.#frozen.set(name, until);
    if (this.#earliest !== undefined) this.#earliest = Math.min(this.#earliest, until);
  }

  beginWrite(name: string): void {
    this.#beingWritten.add(name);
  }

  endWrite(): void {
    this.#beingWritten.clear();
  }

  unfreeze(name: string): void {
    const until = this.#frozen.get(name);
    if (until === undefined) return;
    this.#frozen.delete(name);
    if (until === this.#earliest) this.#earliest = undefined;
  }

  /** When the next pending change applies; `Infinity` if there is none, or it is being written. */
  get earliestEnd(): number {
    if (this.#earliest === undefined) {
      this.#earliest = Infinity;
      for (const until of this.#frozen.values()) this.#earliest = Math.min(this.#earliest, until);
    }
    return this.#earliest;
  }

  /** `Infinity` for a change that is being written. */
  frozenEntries(): ReadonlyMap<string, number> {
    return this.#frozen;
  }
}
