/** Events of an advertisement. A listener can neither change nor fail what it hears of. */
import { ClerkError, errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';

/** Typed events of an advertisement, each with one payload. */
export interface AdvertisementEvents {
  /** It is in the registry; `again` after it was lost. */
  readonly registered: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
    /** Fencing number that it has now. */
    readonly epoch: number;
    /** Whether it had been there before. */
    readonly recovered: boolean;
  };
  /** Its lease may have ended: work that only the holder may do must stop. It is being registered again. */
  readonly lost: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
    /** Why, in words. */
    readonly reason: string;
  };
  /** Somebody newer took its place, or the registry will not have it back: it is over. */
  readonly fenced: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
    /** Why, in words. */
    readonly reason: string;
  };
  /**
   * The registry marks it: most of those who call it cannot reach it, or renewals came late. It is called only where there
   * is nobody else, and says in return that it is well, which the registry believes ever less often if callers disagree.
   */
  readonly suspected: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
  };
  /** It is not marked any more. */
  readonly cleared: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
  };
  /** It was drained: nobody calls it any more. */
  readonly drained: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
  };
}

const eventNames: readonly (keyof AdvertisementEvents)[] = [
  'registered',
  'lost',
  'fenced',
  'suspected',
  'cleared',
  'drained',
];

type Listener = (payload: never) => void;

/** See the file's header. */
export class AdvertisementEmitter {
  readonly #logger: Logger;
  readonly #byEvent = new Map<string, Set<Listener>>(eventNames.map((name) => [name, new Set()]));

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @throws a `ClerkError` `CONFIG_INVALID` for an event that there is not */
  on(event: keyof AdvertisementEvents, listener: Listener): void {
    this.#of(event).add(listener);
  }

  off(event: keyof AdvertisementEvents, listener: Listener): void {
    this.#of(event).delete(listener);
  }

  emit<E extends keyof AdvertisementEvents>(event: E, payload: AdvertisementEvents[E]): void {
    for (const listener of [...this.#of(event)]) {
      try {
        (listener as (payload: AdvertisementEvents[E]) => void)(payload);
      } catch (error) {
        this.#logger.error(`A listener for '${event}' of an advertisement threw: ${errorMessage(error)}`);
      }
    }
  }

  #of(event: string): Set<Listener> {
    const listeners = this.#byEvent.get(event);
    if (listeners) return listeners;
    throw new ClerkError(
      'CONFIG_INVALID',
      `There is no event '${event}'; there are ${eventNames.join(', ')}`,
    );
  }
}
