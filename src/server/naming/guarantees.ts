import type { Clock } from '../../core/clock.js';
import type { NameEntry } from './state/name-entry.js';
import type { FormerNames } from './former-names.js';
import { maxAgeMs, type Freshness } from './shared/freshness.js';
import type { NamingState } from './state/naming-state.js';
import type { EntryRecord } from './state/records.js';

/** Additional delay of a change after the end of a guarantee, in ms, because the clocks of clients may be slow. */
export const clockMarginMs = 250;

/**
 * Computes when the guarantee of each entry ends. A lookup guarantees that its entries do not change for
 * `guaranteedMs`. The times of lookups are only in memory, so after a restart the guarantee of every entry starts
 * again.
 *
 * @see [C1.2](../../../docs/guarantees.md#c1-2), [C1.3](../../../docs/guarantees.md#c1-3)
 */
export class Guarantees {
  /**
   * Time at which the pending change of each frozen entry applies, by name. `Infinity` while the change is being
   * written.
   */
  readonly #frozen = new Map<string, number>();
  /** The lowest value in `#frozen`; undefined when it must be computed again. */
  #earliest: number | undefined = Infinity;
  readonly #beingWritten = new Set<string>();
  readonly #state: NamingState;
  readonly #clock: Clock;
  readonly #formerNames: FormerNames;
  /** Undefined in a registry with one server. */
  readonly #freshness: Freshness | undefined;
  /** Until this time, any entry may have a guarantee that the registry has lost. */
  #lostUntil = 0;

  constructor(state: NamingState, clock: Clock, formerNames: FormerNames, freshness?: Freshness) {
    this.#state = state;
    this.#clock = clock;
    this.#formerNames = formerNames;
    this.#freshness = freshness;
  }

  /**
   * Whether lookups give no guarantees, because the state may be too old: another server may have frozen an entry that
   * this state does not show as frozen.
   */
  get isSuspended(): boolean {
    return this.#freshness?.isCurrent === false;
  }

  isFrozen({ name }: NameEntry): boolean {
    // `size` is checked first because it is cheaper than `has`, and both sets are usually empty.
    return (
      (this.#frozen.size > 0 && this.#frozen.has(name)) ||
      (this.#beingWritten.size > 0 && this.#beingWritten.has(name))
    );
  }

  /**
   * Returns the time until an entry may change, in ms; 0 if it may change at once. A link that a move has left may
   * change only when no service uses the old name any more.
   */
  remainingMs(name: string, record: EntryRecord): number {
    const now = this.#clock.now();
    const until = this.#frozen.get(name);
    if (until === Infinity) return 0;
    if (until !== undefined) return Math.max(0, until - now);
    const usedMs =
      record.kind === 'link' && record.moved === true
        ? this.#formerNames.usedMs(name, record.target, now)
        : 0;
    return Math.max(0, this.#lostUntil - now, this.#servedMs(name, record, now), usedMs);
  }

  /** Returns the remaining time of the last guarantee of an entry, in ms. */
  #servedMs(name: string, { guaranteedMs }: EntryRecord, now: number): number {
    const entry = this.#state.entries.get(name);
    if (entry === undefined || guaranteedMs === 0) return 0;
    // Other servers may give guarantees for the entry until they have read that it is frozen.
    if (this.#freshness !== undefined) return this.longestMs(guaranteedMs);
    return entry.lastServedAt === 0 ? 0 : entry.lastServedAt + guaranteedMs + clockMarginMs - now;
  }

  /**
   * Called when the registry has lost changes. Lookups before the loss may have guaranteed any entry. Every entry
   * therefore counts as guaranteed from now on, for the longest `guaranteedMs` of all entries.
   */
  restart(): void {
    let longestMs = 0;
    for (const { record } of this.#state.entries.values())
      longestMs = Math.max(longestMs, record.guaranteedMs);
    if (longestMs > 0) this.#lostUntil = this.#clock.now() + longestMs + clockMarginMs;
  }

  /** Returns the longest time for which another server may still guarantee an entry, until it reads a change, in ms. */
  longestMs(guaranteedMs: number): number {
    return guaranteedMs + maxAgeMs + clockMarginMs;
  }

  /**
   * Returns the guarantee that a lookup may give for an entry, in ms. The lookup must also call {@link
   * Guarantees.recordServed}.
   */
  guaranteedMs(entry: NameEntry): number {
    const { guaranteedMs } = entry.record;
    if (this.#beingWritten.size > 0 && this.#beingWritten.has(entry.name)) return 0;
    if (this.isSuspended) return 0;
    const until = this.#frozen.size === 0 ? undefined : this.#frozen.get(entry.name);
    if (until === undefined) return guaranteedMs;
    // Another server may apply the change earlier than this server expects.
    if (until === Infinity || this.#freshness !== undefined) return 0;
    return Math.max(0, Math.min(guaranteedMs, Math.floor(until - clockMarginMs - this.#clock.now())));
  }

  /** Restarts the guarantee of an entry that a lookup has shown. The guarantee of a frozen entry does not restart. */
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
    this.#keepGuarantee(name, until);
    if (until === this.#earliest) this.#earliest = undefined;
  }

  /** Whether this server has begun to apply the pending change of an entry. */
  isApplying(name: string): boolean {
    return this.#frozen.get(name) === Infinity;
  }

  /**
   * Lookups of a frozen entry gave guarantees until shortly before `until`. These stay valid when the change is
   * cancelled.
   */
  #keepGuarantee(name: string, until: number): void {
    const entry = this.#state.entries.get(name);
    if (entry === undefined || until === Infinity || until <= this.#clock.now()) return;
    const servedAt = until - clockMarginMs - entry.record.guaranteedMs;
    entry.lastServedAt = Math.max(entry.lastServedAt, servedAt);
  }

  /** Time of the next pending change, on the monotonic clock; `Infinity` if there is none, or it is being written. */
  get earliestEnd(): number {
    if (this.#earliest === undefined) {
      this.#earliest = Infinity;
      for (const until of this.#frozen.values()) this.#earliest = Math.min(this.#earliest, until);
    }
    return this.#earliest;
  }

  /** Returns the time at which each pending change applies, by name; `Infinity` for a change that is being written. */
  frozenEntries(): ReadonlyMap<string, number> {
    return this.#frozen;
  }
}
