import { ClerkError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { SafeEmitter } from '../core/safe-emitter.js';
import type { AdvertisementEvents } from './advertisement.js';

const eventNames: readonly string[] = [
  'registered',
  'lost',
  'fenced',
  'suspected',
  'cleared',
  'moved',
  'drained',
] satisfies (keyof AdvertisementEvents)[];

type Listener<E extends keyof AdvertisementEvents> = (payload: AdvertisementEvents[E]) => void;

export abstract class AdvertisementEmitter {
  readonly #emitter: SafeEmitter<AdvertisementEvents>;

  constructor(logger: Logger) {
    this.#emitter = new SafeEmitter('an advertisement', logger);
  }

  on<E extends keyof AdvertisementEvents>(event: E, listener: Listener<E>): this {
    checkEvent(event);
    this.#emitter.on(event, listener);
    return this;
  }

  off<E extends keyof AdvertisementEvents>(event: E, listener: Listener<E>): this {
    checkEvent(event);
    this.#emitter.off(event, listener);
    return this;
  }

  protected emit<E extends keyof AdvertisementEvents>(event: E, payload: AdvertisementEvents[E]): void {
    this.#emitter.emit(event, payload);
  }
}

function checkEvent(event: string): void {
  if (eventNames.includes(event)) return;
  throw new ClerkError('CONFIG_INVALID', `The event must be one of ${eventNames.join(', ')}; got '${event}'`);
}
