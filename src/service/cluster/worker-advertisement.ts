import { sleep, withTimeout, type Clock } from '../../core/clock.js';
import type { IdentityTlsOptions } from '../../core/identity.js';
import type { LoadInit } from '../../core/load-report.js';
import type { Logger } from '../../core/logger.js';
import { AdvertisementEmitter } from '../advertisement-emitter.js';
import type { Advertisement, AdvertisementEvents, AdvertisementState } from '../advertisement.js';
import type { InFlightRequests } from '../in-flight-requests.js';
import type { LoadReporter } from '../load-reporter.js';
import type { PrimaryLink } from './primary-link.js';
import { keyEvent } from './shared-advertisement.js';
import type { JoinResponse } from './worker-coordinator.js';

export interface WorkerAdvertisementOptions {
  readonly link: PrimaryLink;
  readonly joined: JoinResponse;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly inFlight: InFlightRequests;
  readonly load: LoadReporter;
  readonly drainMs: number;
  readonly onKey: (tls: IdentityTlsOptions) => void;
  readonly onMoved: (from: string, to: string) => void;
  readonly onEnded: () => void;
}

const states = new Map<string, AdvertisementState>([
  ['registered', 'registered'],
  ['lost', 'lost'],
  ['fenced', 'fenced'],
]);

/** The advertisement of a cluster worker. The workers share the registration of the primary. */
export class WorkerAdvertisement extends AdvertisementEmitter implements Advertisement {
  readonly #options: WorkerAdvertisementOptions;
  readonly #stopListening: () => void;
  #epoch: number;
  #name: string;
  #state: AdvertisementState = 'registered';
  #ending: Promise<void> | undefined;

  constructor(options: WorkerAdvertisementOptions) {
    super(options.logger);
    this.#options = options;
    this.#epoch = options.joined.epoch;
    this.#name = options.joined.name;
    this.#stopListening = options.link.onEvent(options.joined.group, (event, payload) =>
      this.#onEvent(event as keyof AdvertisementEvents, payload as AdvertisementEvents['registered']),
    );
  }

  get name(): string {
    return this.#name;
  }

  get id(): string {
    return this.#options.joined.id;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get addresses(): readonly string[] {
    return this.#options.joined.addresses;
  }

  get registry(): readonly string[] {
    return this.#options.joined.registry;
  }

  get state(): AdvertisementState {
    return this.#state;
  }

  reportLoad(load: LoadInit): void {
    this.#options.load.report(load);
  }

  drain(): Promise<void> {
    this.#ending ??= this.#end('drain');
    return this.#ending;
  }

  close(): Promise<void> {
    this.#ending ??= this.#end('close');
    return this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onEvent(event: keyof AdvertisementEvents, payload: AdvertisementEvents['registered']): void {
    if (this.#ending !== undefined) return;
    if ((event as string) === keyEvent) {
      this.#options.onKey(payload as unknown as IdentityTlsOptions);
      return;
    }
    this.#state = states.get(event) ?? this.#state;
    if (event === 'registered') this.#epoch = payload.epoch;
    if (event === 'moved') this.#followMove(payload as unknown as AdvertisementEvents['moved']);
    this.emit(event, payload);
    if (event === 'fenced') this.#stop('fenced');
  }

  #followMove({ from, name }: AdvertisementEvents['moved']): void {
    this.#name = name;
    this.#options.onMoved(from, name);
  }

  async #end(how: 'drain' | 'close'): Promise<void> {
    if (this.#state === 'fenced') return;
    const { link, joined, clock, inFlight, drainMs } = this.#options;
    this.#state = 'draining';
    // The last worker waits here until the primary has withdrawn the service.
    await link.request('leave', joined.group, how).catch(() => undefined);
    if (how === 'drain') {
      const keepAlive = sleep(clock, 0);
      await withTimeout(clock, drainMs, inFlight.whenIdle(), () => new Error('Timed out')).catch(
        () => undefined,
      );
      await keepAlive;
    }
    this.#stop('closed');
    if (how === 'drain') this.emit('drained', { name: this.name, id: this.id });
  }

  #stop(state: 'closed' | 'fenced'): void {
    this.#state = state;
    this.#stopListening();
    this.#options.onEnded();
  }
}
