import type { Clock } from '../../core/clock.js';

/** A lookup counts for this time, and for at most twice as long. */
const windowMs = 60_000;
/** Per principal and window. Further names do not count. */
const maxNames = 10_000;
/** Of all principals together. Above, the window ends early. */
const maxTotal = 200_000;

/**
 * Remembers which principals have recently got the endpoints of which services. Only these may report endpoints: who
 * has not looked up a service cannot have called it through a clerk.
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

  /** Called when a lookup of a name was answered, or a watch has shown its endpoints. */
  record(principal: string, name: string): void {
    const now = this.#clock.now();
    if (now >= this.#endsAt || this.#total >= maxTotal) this.#startWindow(now);
    let names = this.#names.get(principal);
    if (names?.has(name) === true) return;
    if (names === undefined) this.#names.set(principal, (names = new Set()));
    const canonical = this.#canonicalOf(name);
    if (names.size >= maxNames || canonical === undefined) return;
    const before = names.size;
    names.add(name).add(canonical);
    this.#total += names.size - before;
  }

  /** A principal that continues its reports need not look the service up again. */
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
    // After a longer time without lookups, none of them counts any more.
    this.#former = now >= this.#endsAt + windowMs ? new Map<string, Set<string>>() : this.#names;
    this.#names = new Map();
    this.#total = 0;
    this.#endsAt = now + windowMs;
  }
}
