import type { Clock } from '../../core/clock.js';

/** Duration of a window, in ms. A lookup counts for one to two windows. */
const windowMs = 60_000;
/** Maximum number of names per principal and window. Further names are ignored. */
const maxNames = 10_000;
/** Maximum number of names of all principals. At this number, the next window starts early. */
export const maxRecentLookups = 200_000;

/**
 * Stores which principals have recently looked up which services. Only these principals may report endpoints of a
 * service, because a client that has not looked up a service cannot have called it.
 *
 * @see [B8](../../../docs/background.md#b8)
 */
export class RecentLookups {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #canonicalOf: (name: string) => string | undefined;
  #names = new Map<string, Set<string>>();
  #former = new Map<string, Set<string>>();
  #total = 0;
  #endsAt = 0;

  constructor(clock: Pick<Clock, 'now'>, canonicalOf: (name: string) => string | undefined) {
    this.#clock = clock;
    this.#canonicalOf = canonicalOf;
  }

  /** Called when a lookup or a watch has sent the endpoints of a name to a principal. */
  record(principal: string, name: string): void {
    const now = this.#clock.now();
    if (now >= this.#endsAt || this.#total >= maxRecentLookups) this.#startWindow(now);
    let names = this.#names.get(principal);
    if (names?.has(name) === true) return;
    if (names === undefined) this.#names.set(principal, (names = new Set()));
    const canonical = this.#canonicalOf(name);
    if (names.size >= maxNames || canonical === undefined) return;
    const before = names.size;
    names.add(name).add(canonical);
    this.#total += names.size - before;
  }

  /**
   * Whether a principal may report endpoints of a service. Each report counts as a lookup, so a client that sends
   * reports regularly needs no further lookup.
   */
  mayReport(principal: string, name: string): boolean {
    this.#startWindowIfDue();
    const canonical = this.#canonicalOf(name) ?? name;
    const isKnown = [this.#names, this.#former].some((each) => {
      const names = each.get(principal);
      return names !== undefined && (names.has(name) || names.has(canonical));
    });
    if (isKnown) this.record(principal, name);
    return isKnown;
  }

  #startWindowIfDue(): void {
    const now = this.#clock.now();
    if (now >= this.#endsAt) this.#startWindow(now);
  }

  #startWindow(now: number): void {
    // If a whole window had no lookup, the earlier lookups have expired.
    this.#former = now >= this.#endsAt + windowMs ? new Map<string, Set<string>>() : this.#names;
    this.#names = new Map();
    this.#total = 0;
    this.#endsAt = now + windowMs;
  }
}
