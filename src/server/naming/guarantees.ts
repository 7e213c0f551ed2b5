import type { Clock } from '../../core/clock.js';
import type { NameEntry } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';

/** Added to every guarantee, so that a client whose clock runs slow does not outlive it; ms. */
export const clockMarginMs = 250;

/**
 * When the guarantee of each entry ends. A lookup guarantees that an entry does not change for `guaranteedMs`. The
 * server keeps only the time of the last lookup of an entry, not the clients. That time is not stored: after a
 * restart every entry counts as just looked up.
 *
 * @see [G4](../../../docs/background.md#g4), [C1.2](../../../docs/guarantees.md#c1-2),
 *   [C1.3](../../../docs/guarantees.md#c1-3)
 */
export class Guarantees {
  /** When the pending change of a frozen entry applies, by name; monotonic ms. */
  readonly #frozen = new Map<string, number>();
  /** Names whose change is being written. Lookups give no guarantee for them until the change is durable. */
  readonly #beingWritten = new Set<string>();
  readonly #state: NamingState;
  readonly #clock: Clock;

  constructor(state: NamingState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** Whether an entry is frozen or its change is being written. */
  isFrozen({ name }: NameEntry): boolean {
    // Most of the time both are empty, and `size` is cheaper than a lookup.
    return (
      (this.#frozen.size > 0 && this.#frozen.has(name)) ||
      (this.#beingWritten.size > 0 && this.#beingWritten.has(name))
    );
  }

  /** Time until an entry may change, ms; 0 when it may change now. */
  remainingMs(name: string, guaranteedMs: number): number {
    const lastServedAt = this.#state.entries.get(name)?.lastServedAt ?? 0;
    const until = this.#frozen.get(name);
    if (until === Infinity) return 0;
    if (until !== undefined) return Math.max(0, until - this.#clock.now());
    if (lastServedAt === 0 || guaranteedMs === 0) return 0;
    return Math.max(0, lastServedAt + guaranteedMs + clockMarginMs - this.#clock.now());
  }

  /** The guarantee that a lookup can give now, ms. The lookup confirms it with {@link Guarantees.recordServed}. */
  guaranteedMs(entry: NameEntry): number {
    const { guaranteedMs } = entry.record;
    if (this.#beingWritten.size > 0 && this.#beingWritten.has(entry.name)) return 0;
    const until = this.#frozen.size === 0 ? undefined : this.#frozen.get(entry.name);
    if (until === undefined) return guaranteedMs;
    if (until === Infinity) return 0;
    return Math.max(0, Math.min(guaranteedMs, Math.floor(until - clockMarginMs - this.#clock.now())));
  }

  /** Starts the guarantee of an entry again. The guarantee of a frozen entry is not extended. */
  recordServed(entry: NameEntry, now: number): void {
    if (!this.isFrozen(entry)) entry.lastServedAt = now;
  }

  /** When the pending change of an entry applies; undefined for an entry that is not frozen. */
  frozenUntil(name: string): number | undefined {
    return this.#frozen.get(name);
  }

  /** Freezes an entry; `Infinity` while its pending change is being written. */
  freeze(name: string, until: number): void {
    this.#frozen.set(name, until);
  }

  /** Lookups give no guarantee for an entry while its change is being written. */
  beginWrite(name: string): void {
    this.#beingWritten.add(name);
  }

  /** The batch is durable. */
  endWrite(): void {
    this.#beingWritten.clear();
  }

  unfreeze(name: string): void {
    this.#frozen.delete(name);
  }

  /** When each frozen entry changes, by name; `Infinity` while its change is being written. */
  frozenEntries(): ReadonlyMap<string, number> {
    return this.#frozen;
  }
}
