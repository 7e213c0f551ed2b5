import type { Clock } from '../../core/clock.js';
import type { NameEntry } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';

/**
 * Time that the server waits after the end of a guarantee before the entry may change, in ms. A client whose clock runs
 * slow then still stops using the entry before the change.
 */
export const clockMarginMs = 250;

/**
 * Keeps track of when the guarantee of each entry ends. A lookup guarantees that an entry does not change for
 * `guaranteedMs`. The server remembers only when each entry was last looked up, not by which clients. The time of the
 * last lookup is not saved in the store: after a restart, every entry counts as just looked up.
 *
 * @see [G4](../../../docs/background.md#g4), [C1.2](../../../docs/guarantees.md#c1-2),
 *   [C1.3](../../../docs/guarantees.md#c1-3)
 */
export class Guarantees {
  /**
   * Frozen entries: name to the time at which the pending change of the entry applies, in ms on the monotonic clock;
   * `Infinity` while that change is being written.
   */
  readonly #frozen = new Map<string, number>();
  /**
   * Names of entries with a change that is being written to the store. Lookups give no guarantee for these entries
   * until the write has ended.
   */
  readonly #beingWritten = new Set<string>();
  readonly #state: NamingState;
  readonly #clock: Clock;

  constructor(state: NamingState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** Whether an entry waits for a pending change, or a change of the entry is being written to the store. */
  isFrozen({ name }: NameEntry): boolean {
    // `size` is read first: both collections are usually empty, and reading `size` is cheaper than `has`.
    return (
      (this.#frozen.size > 0 && this.#frozen.has(name)) ||
      (this.#beingWritten.size > 0 && this.#beingWritten.has(name))
    );
  }

  /** Returns the time until an entry may change, in ms; 0 when the entry may change now. */
  remainingMs(name: string, guaranteedMs: number): number {
    const lastServedAt = this.#state.entries.get(name)?.lastServedAt ?? 0;
    const until = this.#frozen.get(name);
    if (until === Infinity) return 0;
    if (until !== undefined) return Math.max(0, until - this.#clock.now());
    if (lastServedAt === 0 || guaranteedMs === 0) return 0;
    return Math.max(0, lastServedAt + guaranteedMs + clockMarginMs - this.#clock.now());
  }

  /**
   * Returns for how long a lookup may guarantee now that an entry does not change, in ms. A lookup that shows the entry
   * must also call {@link Guarantees.recordServed}, or the guarantee is not kept.
   */
  guaranteedMs(entry: NameEntry): number {
    const { guaranteedMs } = entry.record;
    if (this.#beingWritten.size > 0 && this.#beingWritten.has(entry.name)) return 0;
    const until = this.#frozen.size === 0 ? undefined : this.#frozen.get(entry.name);
    if (until === undefined) return guaranteedMs;
    if (until === Infinity) return 0;
    return Math.max(0, Math.min(guaranteedMs, Math.floor(until - clockMarginMs - this.#clock.now())));
  }

  /**
   * Restarts the guarantee of an entry, because a lookup has shown the entry at `now`. Does nothing for a frozen entry,
   * whose guarantee must not become longer.
   */
  recordServed(entry: NameEntry, now: number): void {
    if (!this.isFrozen(entry)) entry.lastServedAt = now;
  }

  /** Returns the time at which the pending change of an entry applies; undefined for an entry that is not frozen. */
  frozenUntil(name: string): number | undefined {
    return this.#frozen.get(name);
  }

  /**
   * Freezes an entry.
   *
   * @param until - time at which the pending change applies; `Infinity` while the pending change is being written
   */
  freeze(name: string, until: number): void {
    this.#frozen.set(name, until);
  }

  /**
   * Marks an entry as having a change that is being written to the store. Lookups give no guarantee for the entry until
   * {@link Guarantees.endWrite}.
   */
  beginWrite(name: string): void {
    this.#beingWritten.add(name);
  }

  /** Removes the marks that {@link Guarantees.beginWrite} has set, because the batch with the changes is saved. */
  endWrite(): void {
    this.#beingWritten.clear();
  }

  unfreeze(name: string): void {
    this.#frozen.delete(name);
  }

  /**
   * Returns the time at which the pending change of each frozen entry applies, by name; `Infinity` while that change is
   * being written.
   */
  frozenEntries(): ReadonlyMap<string, number> {
    return this.#frozen;
  }
}
