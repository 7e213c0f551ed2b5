import { EventEmitter } from 'node:events';
import type { IdentityTlsOptions } from '../../core/identity.js';
import type { Load } from '../../core/load-report.js';
import type { Advertisement, AdvertisementEvents } from '../advertisement.js';
import type { ServerLike } from '../server-addresses.js';

/** The result of `server.address()` in a worker. */
export interface SharedAddress {
  readonly bound: string | { readonly address: string; readonly port: number };
  readonly isSecure: boolean;
}

/** Event: the key of the service was set or replaced. The payload is `IdentityTlsOptions`. */
export const keyEvent = 'key';

/** A worker that handles requests. In the primary, it counts as one request in flight. */
class BusyWorker extends EventEmitter {
  readonly statusCode = 200;
}

/**
 * Represents a server in the primary process. Its address is that of the listener that the workers share. Each busy
 * worker counts as one request in flight, so the primary drains until all workers are idle.
 */
export class SharedListener extends EventEmitter implements ServerLike {
  readonly listening = true;
  readonly keepAliveTimeout = 0;
  readonly setSecureContext?: (tls: IdentityTlsOptions) => void;
  readonly #bound: SharedAddress['bound'];
  readonly #busy = new Map<number, BusyWorker>();
  #tls: IdentityTlsOptions | undefined;

  constructor({ bound, isSecure }: SharedAddress) {
    super();
    this.#bound = bound;
    if (isSecure)
      this.setSecureContext = (tls) => {
        this.#tls = tls;
        this.emit(keyEvent, tls);
      };
  }

  /** Undefined for a service without an identity. */
  get tls(): IdentityTlsOptions | undefined {
    return this.#tls;
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

/** The advertisement of all workers that share a listener. Ends when the last worker has ended or left. */
export interface SharedAdvertisement {
  readonly listener: SharedListener;
  readonly advertisement: Promise<Advertisement>;
  readonly workers: Set<number>;
  /** Names that the service had before it was moved. */
  readonly formerNames: Set<string>;
  /** Last reported load of each worker. */
  readonly loads: Map<number, Load>;
}

/** Returns the load of all workers together: the mean of the utilizations, and the sums of the rates. */
export function totalLoad(loads: ReadonlyMap<number, Load>): Load | undefined {
  if (loads.size === 0) return undefined;
  const sum = (key: keyof Load): number => [...loads.values()].reduce((total, load) => total + load[key], 0);
  return {
    utilization: sum('utilization') / loads.size,
    callsPerSecond: sum('callsPerSecond'),
    errorsPerSecond: sum('errorsPerSecond'),
  };
}

export const forwardedEvents: readonly (keyof AdvertisementEvents)[] = [
  'registered',
  'lost',
  'fenced',
  'suspected',
  'cleared',
  'moved',
  'drained',
];
