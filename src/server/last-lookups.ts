/** When names were last looked up, for the launcher, which ends what nobody asks for any more. */
import type { Clock } from '../core/clock.js';
import type { NameService } from './ports.js';

/** Instants of look-ups, by the name that was asked for. */
export class LastLookups {
  readonly #clock: Clock;
  readonly #names: Pick<NameService, 'launchRule'>;
  readonly #lookupAt = new Map<string, number>();

  constructor(clock: Clock, names: Pick<NameService, 'launchRule'>) {
    this.#clock = clock;
    this.#names = names;
  }

  /** A name that is there was looked up. */
  readonly record = (name: string): void => void this.#lookupAt.set(name, this.#clock.now());

  /** When a name was last looked up, itself or through a link, on the monotonic clock in ms; undefined: never. */
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
