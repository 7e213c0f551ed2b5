import { EventEmitter } from 'node:events';
import type { Advertisement, AdvertisementEvents } from '../advertisement.js';
import type { ServerLike } from '../server-addresses.js';

/** Where the workers listen, from `server.address()` of a worker. */
export interface SharedAddress {
  readonly bound: string | { readonly address: string; readonly port: number };
  /** Whether the server uses TLS. */
  readonly isSecure: boolean;
}

/** Counts in the primary as one request in flight. Represents one worker that handles requests. */
class BusyWorker extends EventEmitter {
  readonly statusCode = 200;
}

/**
 * The listener that the workers share, in the form of a server of the primary. `advertise()` reads its address, and
 * counts one request in flight for each busy worker. The primary therefore drains until all workers are idle.
 */
export class SharedListener extends EventEmitter implements ServerLike {
  readonly listening = true;
  readonly keepAliveTimeout = 0;
  readonly setSecureContext?: () => void;
  readonly #bound: SharedAddress['bound'];
  readonly #busy = new Map<number, BusyWorker>();

  constructor({ bound, isSecure }: SharedAddress) {
    super();
    this.#bound = bound;
    if (isSecure) this.setSecureContext = () => undefined;
  }

  address(): SharedAddress['bound'] {
    return this.#bound;
  }

  setBusy(worker: number, isBusy: boolean): void {
    if (isBusy === this.#busy.has(worker)) return;
    if (isBusy) {
      const request = new BusyWorker();
      this.#busy.set(worker, request);
      this.emit('request', { headers: {} }, request);
    } else {
      const request = this.#busy.get(worker);
      this.#busy.delete(worker);
      request?.emit('close');
    }
  }
}

/** The one advertisement of workers that share a listener. Ends when its last worker leaves. */
export interface SharedAdvertisement {
  readonly listener: SharedListener;
  readonly advertisement: Promise<Advertisement>;
  readonly workers: Set<number>;
}

/** The events of an advertisement that each worker gets. */
export const forwardedEvents: readonly (keyof AdvertisementEvents)[] = [
  'registered',
  'lost',
  'fenced',
  'suspected',
  'cleared',
  'drained',
];
