import { ClerkError, errorMessage, isClerkError } from '../../core/errors.js';
import { definedFields } from '../../core/defined-fields.js';
import type { CallRecord, IdempotencyStore } from '../../core/idempotency-store.js';
import type { IdentityTlsOptions } from '../../core/identity.js';
import type { Load } from '../../core/load-report.js';
import type { Logger } from '../../core/logger.js';
import { encodeError } from '../../protocol/error-codec.js';
import type { Advertisement } from '../advertisement.js';
import type { AdvertiseOptions } from '../options.js';
import { messageKey, type PrimaryPort, type WorkerRequest, type WorkerSettings } from './cluster-messages.js';
import {
  forwardedEvents,
  keyEvent,
  SharedListener,
  totalLoad,
  type SharedAddress,
  type SharedAdvertisement,
} from './shared-advertisement.js';
import { SharedCalls } from './shared-calls.js';

export interface WorkerCoordinatorOptions {
  readonly port: PrimaryPort;
  readonly store: IdempotencyStore;
  readonly settings: WorkerSettings;
  readonly logger: Logger;
  readonly advertise: (options: AdvertiseOptions) => Promise<Advertisement>;
  /**
   * Asks the registries in which the primary has registered services whether these services were moved. Never rejects.
   */
  readonly learnMoves: () => Promise<void>;
  /** Returns a handler of `atMostOnce` with `store`, so that `advertise` registers the attribute `at-most-once`. */
  readonly guard: (store: IdempotencyStore) => NonNullable<AdvertiseOptions['atMostOnce']>;
}

export interface JoinRequest extends SharedAddress {
  readonly options: Omit<AdvertiseOptions, 'address' | 'atMostOnce' | 'logger' | 'signal'>;
  readonly isAtMostOnce: boolean;
}

export interface JoinResponse extends Pick<
  Advertisement,
  'name' | 'id' | 'epoch' | 'addresses' | 'registry'
> {
  readonly group: string;
  /** Names that the service had before it was moved. */
  readonly formerNames: readonly string[];
  /** The key of the service; undefined without an identity. */
  readonly tls?: IdentityTlsOptions;
}

/**
 * The primary's side of a cluster. Workers that share a listener are one instance, with one registration, one lease
 * and one store.
 */
export class WorkerCoordinator {
  readonly #options: WorkerCoordinatorOptions;
  readonly #calls: SharedCalls;
  readonly #groups = new Map<string, SharedAdvertisement>();

  constructor(options: WorkerCoordinatorOptions) {
    this.#options = options;
    const { port, store } = options;
    this.#calls = new SharedCalls(store, (worker) => port.isAlive(worker));
  }

  start(): void {
    const { port, settings } = this.#options;
    port.setSettings(JSON.stringify(settings));
    port.onMessage((worker, message) => {
      if ((message as Partial<WorkerRequest> | null)?.[messageKey] === 'request')
        void this.#answer(worker, message as WorkerRequest);
    });
    port.onExit((worker) => this.#onExit(worker));
  }

  async #answer(worker: number, { sequence, operation, args }: WorkerRequest): Promise<void> {
    const { port } = this.#options;
    try {
      const result = await this.#run(worker, operation, args);
      port.send(worker, { [messageKey]: 'response', sequence, result });
    } catch (cause) {
      const error = isClerkError(cause)
        ? cause
        : new ClerkError('CLERK_CLOSED', `The primary process failed: ${errorMessage(cause)}`, { cause });
      port.send(worker, { [messageKey]: 'response', sequence, error: encodeError(error) });
    }
  }

  #run(worker: number, operation: string, args: readonly unknown[]): unknown {
    switch (operation) {
      case 'open':
        return this.#calls.store.open?.();
      case 'begin':
        return this.#calls.begin(worker, args[0] as CallRecord);
      case 'end':
        return this.#calls.end(worker, args[0] as string, args[1]);
      case 'withdraw':
        return this.#calls.withdraw(worker, args[0] as string);
      case 'expire':
        return this.#calls.store.expire(args[0] as number);
      case 'join':
        return this.#join(worker, args[0] as JoinRequest);
      case 'busy':
        return this.#groups.get(args[0] as string)?.listener.setBusy(worker, args[1] as boolean);
      case 'load':
        return this.#reportLoad(worker, args[0] as string, args[1] as Load);
      // The primary sends the events of the moves to the workers before it sends the response.
      case 'learn-moves':
        return this.#options.learnMoves();
      case 'leave':
        return this.#leave(worker, args[0] as string, args[1] as 'drain' | 'close');
      default:
        throw new ClerkError(
          'CONFIG_INVALID',
          `The primary does not know the request '${operation}' of a worker; use one version of binding-clerk in all processes`,
        );
    }
  }

  async #join(worker: number, request: JoinRequest): Promise<JoinResponse> {
    const { options, bound, isSecure } = request;
    const { name: requested, registry: urls, identity } = options;
    const group = JSON.stringify([requested, urls, identity, bound, isSecure]);
    const shared = this.#groups.get(group) ?? this.#advertise(group, request);
    shared.workers.add(worker);
    try {
      const { name, id, epoch, addresses, registry } = await shared.advertisement;
      const formerNames = [...shared.formerNames, requested ?? name].filter((former) => former !== name);
      const joined = { group, name, formerNames, id, epoch, addresses, registry };
      return { ...joined, ...definedFields({ tls: shared.listener.tls }) };
    } catch (error) {
      this.#groups.delete(group);
      throw error;
    }
  }

  #advertise(group: string, { options, isAtMostOnce, ...address }: JoinRequest): SharedAdvertisement {
    const { advertise, guard, port, store, settings } = this.#options;
    const listener = new SharedListener(address);
    const advertisement = advertise({
      ...options,
      id: settings.id,
      address: listener,
      measureLoad: false,
      ...(isAtMostOnce && { atMostOnce: guard(store) }),
    });
    const shared: SharedAdvertisement = {
      listener,
      advertisement,
      workers: new Set(),
      formerNames: new Set(),
      loads: new Map(),
    };
    const forward = (event: string, payload: object): void => {
      for (const worker of shared.workers)
        port.send(worker, { [messageKey]: 'event', group, event, payload });
    };
    listener.on(keyEvent, (tls: object) => forward(keyEvent, tls));
    this.#groups.set(group, shared);
    advertisement.then(
      (ad) => {
        ad.on('moved', ({ from }) => void shared.formerNames.add(from));
        for (const event of forwardedEvents) ad.on(event, (payload) => forward(event, payload));
      },
      () => undefined,
    );
    return shared;
  }

  async #reportLoad(worker: number, group: string, load: Load): Promise<void> {
    const shared = this.#groups.get(group);
    if (shared?.workers.has(worker) !== true) return;
    shared.loads.set(worker, load);
    const ad = await shared.advertisement;
    const total = totalLoad(shared.loads);
    if (total !== undefined) ad.reportLoad(total);
  }

  async #leave(worker: number, group: string, how: 'drain' | 'close'): Promise<void> {
    const shared = this.#groups.get(group);
    if (shared === undefined) return;
    shared.workers.delete(worker);
    shared.loads.delete(worker);
    if (shared.workers.size === 0) {
      this.#groups.delete(group);
      const ad = await shared.advertisement;
      await (how === 'drain' ? ad.drain() : ad.close());
    }
    shared.listener.setBusy(worker, false);
  }

  #onExit(worker: number): void {
    const warn =
      (what: string) =>
      (error: unknown): void =>
        this.#options.logger.warn(`${what}: ${errorMessage(error)}`);
    this.#calls
      .workerEnded(worker)
      .catch(warn(`The running calls of ended cluster worker ${worker} could not be stored as interrupted`));
    for (const [group, { workers, listener }] of this.#groups) {
      listener.setBusy(worker, false);
      if (workers.has(worker))
        this.#leave(worker, group, 'close').catch(
          warn(`The advertisement could not be closed after its last cluster worker ${worker} ended`),
        );
    }
  }
}
