/**
 * When each promise runs out. An entry keeps its promise's length; here is when it was last given out, which no restart
 * remembers: then all count as just given. Nobody keeps track of who holds one.
 *
 * @see GNS G4; promises C1.2, C1.3
 */
import type { Clock } from '../../core/clock.js';
import type { Place } from './place.js';
import type { Tables } from './tables.js';

/** Added to what a promise says, so that a clock which runs a little slow does not break it. */
export const marginMs = 250;

/** When promises run out. */
export class Promises {
  /** By name: when an entry that is frozen changes, monotonic ms. */
  readonly #frozen = new Map<string, number>();
  /** Entries whose change is being written: nothing is promised of them until it is there. */
  readonly #changing = new Set<string>();
  readonly #tables: Tables;
  readonly #clock: Clock;

  constructor(tables: Tables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** Whether an entry is frozen, or is just being changed; most of the time none is. */
  isFrozen({ name }: Place): boolean {
    return (
      (this.#frozen.size > 0 && this.#frozen.has(name)) ||
      (this.#changing.size > 0 && this.#changing.has(name))
    );
  }

  /** For how long an entry may not change yet, in ms; 0 when it may. */
  remaining(name: string, promiseMs: number): number {
    const givenAt = this.#tables.places.get(name)?.givenAt ?? 0;
    const until = this.#frozen.get(name);
    // Its change is on its way: nothing is left.
    if (until === Infinity) return 0;
    if (until !== undefined) return Math.max(0, until - this.#clock.now());
    if (givenAt === 0 || promiseMs === 0) return 0;
    return Math.max(0, givenAt + promiseMs + marginMs - this.#clock.now());
  }

  /** What a look-up at this moment may promise of an entry; the caller says that it did with {@link give}. */
  promised(place: Place): number {
    const { promiseMs } = place.record;
    if (this.#changing.size > 0 && this.#changing.has(place.name)) return 0;
    const until = this.#frozen.size === 0 ? undefined : this.#frozen.get(place.name);
    if (until === undefined) return promiseMs;
    if (until === Infinity) return 0;
    return Math.max(0, Math.min(promiseMs, Math.floor(until - marginMs - this.#clock.now())));
  }

  /** Counts a promise as given now. One that is frozen is not extended. */
  give(place: Place, now: number): void {
    if (!this.isFrozen(place)) place.givenAt = now;
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
  changing(name: string): void {
    this.#changing.add(name);
  }

  /** All that was being written is there. */
  changed(): void {
    this.#changing.clear();
  }

  /** It changed, or will not. */
  thaw(name: string): void {
    this.#frozen.delete(name);
  }

  /** When a frozen entry changes, by name; `Infinity` while its change is on its way. */
  frozen(): ReadonlyMap<string, number> {
    return this.#frozen;
  }
}
