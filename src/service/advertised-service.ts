import { sleep, withTimeout, type Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { Load, LoadInit } from '../core/load-report.js';
import type { Logger } from '../core/logger.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { LaunchHandshake, RegisterResponse, RegisterRequest } from '../protocol/messages.js';
import { launchProof, type Hashing } from '../protocol/launch-proof.js';
import { isUnavailable } from '../registry-client/failover-client.js';
import type { Advertisement, AdvertisementEvents, AdvertisementState } from './advertisement.js';
import { LeaseTimer } from './lease-timer.js';
import type { InFlightRequests } from './in-flight-requests.js';
import { AdvertisementEmitter } from './advertisement-emitter.js';
import { advertiseAborted } from './server-addresses.js';
import type { LeaseRenewer, RenewedLease } from './lease-renewer.js';
import type { LoadReporter } from './load-reporter.js';
import { withdraw } from './withdraw.js';

export interface AdvertisedServiceOptions {
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly retry: RetryLoop;
  readonly logger: Logger;
  readonly renewer: LeaseRenewer;
  readonly registry: readonly string[];
  readonly inFlight: InFlightRequests;
  readonly load: LoadReporter;
  /** Body of the registration request. Epoch and ticket are added when the request is sent. */
  readonly request: Omit<RegisterRequest, 'epoch' | 'ticket'> & { readonly leaseMs: number };
  readonly handshake: LaunchHandshake | undefined;
  /** Whether this process generated the instance id. A generated id is unique. */
  readonly isIdGenerated: boolean;
  readonly drainMs: number;
  /** Called once, when the advertisement has ended. */
  readonly onEnded: () => void;
}

/**
 * Maximum random delay before the first retry of a registration, in ms. This maximum doubles with each further retry.
 */
const initialBackoffMs = 500;
/**
 * Maximum random delay before any retry, in ms. If the registry requests a delay, that delay is added, up to the same
 * maximum.
 */
const maxBackoffMs = 5_000;

/**
 * One advertised service, from the first registration to the end of the advertisement. The service treats its lease as
 * expired slightly before the registry does. When the lease has expired, the service registers again. The advertisement
 * ends early when the instance registers later with a higher epoch, when another program withdraws the registration, or
 * when the registry refuses the service.
 *
 * @see [C5.3](../../docs/guarantees.md#c5-3), [C5.6](../../docs/guarantees.md#c5-6)
 */
export class AdvertisedService implements Advertisement, RenewedLease {
  readonly #options: AdvertisedServiceOptions;
  readonly #events: AdvertisementEmitter;
  readonly #endController = new AbortController();
  #state: AdvertisementState = 'registering';
  #epoch: number | undefined;
  #leaseMs: number;
  #ticket: string | undefined;
  /** Whether the registry may have accepted the ticket in a registration that got no response. */
  #ticketMayBeUsed = false;
  readonly #leaseTimer: LeaseTimer;
  #hasWarned = false;
  #isSuspect = false;
  #drainPromise: Promise<void> | undefined;
  #closePromise: Promise<void> | undefined;

  constructor(options: AdvertisedServiceOptions) {
    this.#options = options;
    this.#events = new AdvertisementEmitter(options.logger);
    this.#leaseTimer = new LeaseTimer(options.clock, () =>
      this.#loseLease('no renewal was acknowledged in time'),
    );
    this.#leaseMs = options.request.leaseMs;
    this.#epoch = options.handshake?.epoch;
    this.#ticket = options.handshake?.ticket;
  }

  get name(): string {
    return this.#options.request.name;
  }

  get id(): string {
    return this.#options.request.id;
  }

  get epoch(): number {
    return this.#epoch ?? 0;
  }

  get leaseMs(): number {
    return this.#leaseMs;
  }

  get addresses(): readonly string[] {
    return this.#options.request.addresses;
  }

  get registry(): readonly string[] {
    return this.#options.registry;
  }

  get state(): AdvertisementState {
    return this.#state === 'registered' && this.#leaseTimer.isExpired ? 'lost' : this.#state;
  }

  get load(): Load | undefined {
    return this.#options.load.current;
  }

  reportLoad(load: LoadInit): void {
    this.#options.load.report(load);
  }

  on<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this {
    this.#events.on(event, listener);
    return this;
  }

  off<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this {
    this.#events.off(event, listener);
    return this;
  }

  /** Registers the service. Rejects when the registry refuses the service or `signal` aborts. */
  async start(signal: AbortSignal | undefined): Promise<void> {
    const onAbort = (): void => this.#endController.abort(advertiseAborted(signal as AbortSignal));
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort);
    try {
      await this.#register(false);
    } catch (error) {
      this.#end('closed');
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  onRenewal(status: 'renewed' | 'lost' | 'fenced', sentAt: number, isSuspect: boolean): void {
    if (status === 'fenced')
      this.#fence('an instance with the same id has registered later, or this registration was withdrawn');
    else if (status === 'lost') this.#loseLease('the registry has no registration of this instance');
    else {
      this.#hasWarned = false;
      this.#leaseTimer.renew(sentAt, this.#leaseMs);
      if (isSuspect === this.#isSuspect) return;
      this.#isSuspect = isSuspect;
      this.#events.emit(isSuspect ? 'suspected' : 'cleared', { name: this.name, id: this.id });
    }
  }

  onRenewalFailed(error: unknown): void {
    this.#warnOnce(error);
  }

  drain(): Promise<void> {
    this.#drainPromise ??= this.#drain();
    return this.#drainPromise;
  }

  close(): Promise<void> {
    this.#closePromise ??= this.#close();
    return this.#closePromise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Registers the service. Retries until the registry accepts or refuses the registration.
   *
   * @param recovered - whether the service has lost a lease before
   */
  async #register(recovered: boolean): Promise<void> {
    const { clock, retry, renewer } = this.#options;
    const { signal } = this.#endController;
    let sentAt = 0;
    const response = await retry(
      () => {
        signal.throwIfAborted();
        sentAt = clock.now();
        return renewer.register(this.#request(), signal);
      },
      async (error, attempt) => {
        signal.throwIfAborted();
        if (!this.#canRetry(error)) throw error;
        this.#warnOnce(error);
        // The maximum delay grows to at most a third of the lease, so that the service registers soon after the
        // registry is available again. For a lease below 1,500 ms, the maximum is 500 ms.
        const maxJitterMs = Math.min(
          maxBackoffMs,
          Math.max(initialBackoffMs, this.#leaseMs / 3),
          initialBackoffMs * 2 ** Math.min(attempt - 1, 8),
        );
        const minDelayMs = isClerkError(error) ? (error.remainingMs ?? 0) : 0;
        await sleep(clock, Math.min(minDelayMs, maxBackoffMs) + maxJitterMs * clock.random(), !recovered);
        signal.throwIfAborted();
      },
    );
    this.#verifyProof(response);
    this.#ticket = undefined;
    this.#epoch = response.epoch;
    this.#leaseMs = response.leaseMs;
    this.#state = 'registered';
    this.#isSuspect = false;
    this.#hasWarned = false;
    this.#leaseTimer.renew(sentAt, this.#leaseMs);
    renewer.add(this);
    this.#events.emit('registered', { name: this.name, id: this.id, epoch: response.epoch, recovered });
  }

  #request(): RegisterRequest {
    return { ...this.#options.request, ...definedFields({ epoch: this.#epoch, ticket: this.#ticket }) };
  }

  #canRetry(error: unknown): boolean {
    if (isUnavailable(error)) {
      this.#ticketMayBeUsed ||= this.#ticket !== undefined;
      return true;
    }
    if (isClerkError(error) && error.code === 'TICKET_REFUSED' && this.#ticketMayBeUsed) {
      // An earlier attempt has used the ticket, but the response to that attempt was lost. The epoch of the ticket is
      // still valid.
      this.#ticketMayBeUsed = false;
      this.#ticket = undefined;
      return true;
    }
    if (
      isClerkError(error) &&
      error.code === 'FORBIDDEN' &&
      this.#options.isIdGenerated &&
      this.#epoch !== undefined
    ) {
      // No other process has the generated id. The registry also rejects an epoch if it has forgotten the instance. The
      // retry requests a new epoch.
      this.#epoch = undefined;
      return true;
    }
    return isClerkError(error) && error.code === 'LIMIT_EXCEEDED';
  }

  /**
   * Throws if the registration had a ticket and the response does not prove that the registry launched this service.
   *
   * @see [T9](../../docs/background.md#t9)
   */
  #verifyProof({ proof, epoch }: RegisterResponse): void {
    const { hashing, handshake } = this.#options;
    if (handshake === undefined || this.#ticket === undefined) return;
    const expected = launchProof(hashing, handshake.registryKey, handshake.name, epoch);
    if (typeof proof === 'string' && hashing.timingSafeEqual(proof, expected)) return;
    throw new ClerkError(
      'TICKET_REFUSED',
      `The registry did not prove that it launched ${this.name}, so another registry issued the ticket; check the registry address`,
    );
  }

  #loseLease(reason: string): void {
    if (this.#state !== 'registered') return;
    const { clock, renewer, logger } = this.#options;
    this.#state = 'lost';
    this.#leaseTimer.stop();
    renewer.remove(this);
    logger.warn(`The lease of ${this.name} (${this.id}) is lost: ${reason}; the service registers again`);
    this.#events.emit('lost', { name: this.name, id: this.id, reason });
    // After a restart of the registry, the random delay spreads the registrations of all services over time.
    void sleep(clock, clock.random() * Math.min(2_000, this.#leaseMs / 5), false)
      .then(() => this.#register(true))
      .catch((error: unknown) => {
        if (this.#endController.signal.aborted) return;
        this.#fence(errorMessage(error));
      });
  }

  #fence(reason: string): void {
    const { logger } = this.#options;
    logger.warn(`${this.name} (${this.id}) is no longer registered: ${reason}`);
    this.#end('fenced');
    this.#events.emit('fenced', { name: this.name, id: this.id, reason });
  }

  #warnOnce(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#options.logger.warn(
      `${this.name} cannot ${this.#state === 'registered' ? 'renew its lease' : 'be registered'} and keeps retrying: ${errorMessage(error)}`,
    );
  }

  get #hasEnded(): boolean {
    return this.#state === 'closed' || this.#state === 'fenced';
  }

  #end(state: 'closed' | 'fenced'): void {
    if (this.#hasEnded) return;
    this.#stopRenewing(state);
    this.#options.onEnded();
  }

  async #drain(): Promise<void> {
    if (this.#hasEnded) return;
    const { clock, drainMs, inFlight } = this.#options;
    const until = clock.now() + drainMs;
    this.#stopRenewing('draining');
    const inMs = await this.#withdraw(false);
    await sleep(clock, Math.min(inMs, until - clock.now()));
    await waitAtMost(clock, until - clock.now(), inFlight.whenIdle());
    if (this.#closePromise) return;
    this.#end('closed');
    this.#events.emit('drained', { name: this.name, id: this.id });
  }

  async #close(): Promise<void> {
    if (this.#hasEnded) return;
    this.#stopRenewing('draining');
    await this.#withdraw(true);
    this.#end('closed');
  }

  /** Stops the renewals of the lease. Also aborts a registration that is in progress. */
  #stopRenewing(state: 'draining' | 'closed' | 'fenced'): void {
    this.#state = state;
    this.#leaseTimer.stop();
    this.#options.renewer.remove(this);
    this.#endController.abort(new ClerkError('CLERK_CLOSED', `The advertisement of ${this.name} has ended`));
  }

  /**
   * Withdraws the registration. Resolves with the time, in ms, for which clients with a cached lookup may still call
   * this endpoint.
   */
  #withdraw(immediately: boolean): Promise<number> {
    if (this.#epoch === undefined) return Promise.resolve(0);
    const { name, id, epoch } = this;
    return withdraw(this.#options, { name, id, epoch, ...(immediately && { now: immediately }) });
  }
}

/** Waits for a promise, up to `timeoutMs`. Keeps the process alive. */
async function waitAtMost(clock: Clock, timeoutMs: number, promise: Promise<void>): Promise<void> {
  if (timeoutMs <= 0) return;
  const keepAlive = clock.setTimer(() => undefined, timeoutMs);
  await withTimeout(clock, timeoutMs, promise, () => new Error('Timed out')).catch(() => undefined);
  keepAlive.cancel();
}
