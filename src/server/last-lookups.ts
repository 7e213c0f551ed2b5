import type { Clock } from '../core/clock.js';
import type { NameService } from './ports.js';

/** Remembers the last lookup of each name, so that the launcher can stop idle services. */
export class LastLookups {
  readonly #clock: Clock;
  readonly #names: Pick<NameService, 'launchRule'>;
  readonly #lookupAt = new Map<string, number>();

  constructor(clock: Clock, names: Pick<NameService, 'launchRule'>) {
    this.#clock = clock;
    this.#names = names;
  }

  readonly record = (name: string): void => void this.#lookupAt.set(name, this.#clock.now());

  /**
   * Returns the time of the last lookup of a service, in ms on the monotonic clock. Returns undefined if no lookup is
   * known. A lookup through a link counts as a lookup of the service.
   */
  readonly lastLookupAt = (canonical: string): number | undefined => {
    let last: number | undefined;
    for (const [name, at] of this.#lookupAt) {
      if (last !== undefined && at <= last) continue;
      const target = name === canonical ? canonical : this.#canonicalOf(name);
      if (target === undefined) this.#lookupAt.delete(name);
      else if (target === canonical) last = at;
    }
    return last;
  };

  #canonicalOf(name: string): string | undefined {
    try {
      return this.#names.launchRule(name).canonical;
    } catch {
      return undefined;
    }
  }
}
