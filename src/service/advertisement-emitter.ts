import { callListener } from '../core/call-listener.js';
import { ClerkError, errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { AdvertisementEvents } from './advertisement.js';

const eventNames: readonly (keyof AdvertisementEvents)[] = [
  'registered',
  'lost',
  'fenced',
  'suspected',
  'cleared',
  'drained',
];

type Listener<E extends keyof AdvertisementEvents> = (payload: AdvertisementEvents[E]) => void;

export abstract class AdvertisementEmitter {
  readonly #logger: Logger;
  readonly #byEvent = new Map<string, Set<Listener<never>>>(eventNames.map((name) => [name, new Set()]));

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  on<E extends keyof AdvertisementEvents>(event: E, listener: Listener<E>): this {
    this.#of(event).add(listener);
    return this;
  }

  off<E extends keyof AdvertisementEvents>(event: E, listener: Listener<E>): this {
    this.#of(event).delete(listener);
    return this;
  }

  protected emit<E extends keyof AdvertisementEvents>(event: E, payload: AdvertisementEvents[E]): void {
    for (const listener of [...this.#of(event)])
      callListener(listener as Listener<E>, payload, (error) =>
        this.#logger.error(
          `A listener for the event '${event}' of an advertisement threw an error: ${errorMessage(error)}; the error is ignored`,
        ),
      );
  }

  #of(event: string): Set<Listener<never>> {
    const listeners = this.#byEvent.get(event);
    if (listeners) return listeners;
    throw new ClerkError(
      'CONFIG_INVALID',
      `The event must be one of ${eventNames.join(', ')}; got '${event}'`,
    );
  }
}
