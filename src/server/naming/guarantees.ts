/**
 * When each promise runs out. An entry keeps its promise's length; here is when it was last given out, which no restart
 * remembers: then all count as just given. Nobody keeps track of who holds one.
 *
 * @see GNS G4; promises C1.2, C1.3
 */
import type { Clock } from '../../core/clock.js';
import type { NameEntry } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';

/** Added to what a promise says, so that a clock which runs a little slow does not break it. */
export const clockMarginMs = 250;

/** When promises run out. */
export class Guarantees {
  /** By name: when an entry that is frozen changes, monotonic ms. */
  readonly #frozen = new Map<string, number>();
  /** Entries whose change is being written: nothing is promised of them until it is there. */
  readonly #beingWritten = new Set<string>();
  readonly #state: NamingState;
  readonly #clock: Clock;

  constructor(state: NamingState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** Whether an entry is frozen, or is just being changed; most of the time none is. */
  isFrozen({ name }: NameEntry): boolean {
    return (
      (this.#frozen.size > 0 && this.#frozen.has(name)) ||
      (this.#beingWritten.size > 0 && this.#beingWritten.has(name))
    );
  }

  /** For how long an entry may not change yet, in ms; 0 when it may. */
  remainingMs(name: string, guaranteedMs: number): number {
    const lastServedAt = this.#state.entries.get(name)?.lastServedAt ?? 0;
    const until = this.#frozen.get(name);
    // Its change is on its way: nothing is left.
    if (until === Infinity) return 0;
    if (until !== undefined) return Math.max(0, until - this.#clock.now());
    if (lastServedAt === 0 || guaranteedMs === 0) return 0;
    return Math.max(0, lastServedAt + guaranteedMs + clockMarginMs - this.#clock.now());
  }

  /** What a look-up at this moment may promise of an entry; the caller says that it did with {@link recordServed}. */
  guaranteedMs(place: NameEntry): number {
    const { guaranteedMs } = place.record;
    if (this.#beingWritten.size > 0 && this.#beingWritten.has(place.name)) return 0;
    const until = this.#frozen.size === 0 ? undefined : this.#frozen.get(place.name);
    if (until === undefined) return guaranteedMs;
    if (until === Infinity) return 0;
    return Math.max(0, Math.min(guaranteedMs, Math.floor(until - clockMarginMs - this.#clock.now())));
  }

  /** Counts a promise as given now. One that is frozen is not extended. */
  recordServed(place: NameEntry, now: number): void {
    if (!this.isFrozen(place)) place.lastServedAt = now;
  }

  /** When an entry changes, if it is frozen. */
  frozenUntil(name: string): number | undefined {
    return this.#frozen.get(name);
  }

  /** An entry is frozen until then. */
  freeze(name: string, until: number): void {
    this.#frozen.set(name, until);
  }

  /** The change of an entry is being written: what was promised of it is over, and nothing new is promised. */
  beginWrite(name: string): void {
    this.#beingWritten.add(name);
  }

  /** All that was being written is there. */
  endWrite(): void {
    this.#beingWritten.clear();
  }

  /** It changed, or will not. */
  unfreeze(name: string): void {
    this.#frozen.delete(name);
  }

  /** When a frozen entry changes, by name; `Infinity` while its change is on its way. */
  frozenEntries(): ReadonlyMap<string, number> {
    return this.#frozen;
  }
}
