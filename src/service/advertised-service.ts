import { backoffBoundMs } from '../core/backoff.js';
import type { CallActivity } from '../core/call-activity.js';
import { sleep, withTimeout, type Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import { ClerkError, errorMessage, isClerkError } from '../core/errors.js';
import type { Load, LoadInit } from '../core/load-report.js';
import { minRemoteWaitMs, retryDelayMs } from '../core/server-requested-delay.js';
import { isName } from '../core/name.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { LaunchHandshake } from '../protocol/launch-messages.js';
import type { RegisterResponse } from '../protocol/registration-messages.js';
import type { Hashing } from '../protocol/launch-proof.js';
import type { Advertisement, AdvertisementState } from './advertisement.js';
import { LeaseLossDetector } from './lease-loss-detector.js';
import type { InFlightRequests } from './in-flight-requests.js';
import { AdvertisementEmitter } from './advertisement-emitter.js';
import { advertiseAborted } from './server-addresses.js';
import type { LeaseRenewer, RenewalResult, RenewedLease } from './lease-renewer.js';
import type { LoadReporter } from './load-reporter.js';
import { InstanceRegistration } from './instance-registration.js';
import { RegistrationUpdates, type RegistrationUpdatesOptions } from './registration-updates.js';

export interface AdvertisedServiceOptions extends Omit<
  RegistrationUpdatesOptions,
  'send' | 'isRegistered' | 'endSignal'
> {
  readonly hashing: Hashing;
  readonly retry: RetryLoop;
  readonly renewer: LeaseRenewer;
  readonly registry: readonly string[];
  readonly inFlight: InFlightRequests;
  readonly load: LoadReporter;
  /** Returns undefined when the calls of this process are not counted. */
  readonly activity: () => CallActivity | undefined;
  readonly servedAgoMs: () => number | undefined;
  readonly handshake: LaunchHandshake | undefined;
  readonly isIdGenerated: boolean;
  readonly drainMs: number;
  readonly onRegistered: (response: RegisterResponse) => void;
  readonly onRenewed: () => void;
  readonly onMoved: (from: string, to: string) => void;
  readonly onEnded: () => void;
}

const maxWithdrawalMs = 1_000;
/** Maximum delay before another registration, in ms, after the registry has lost several registrations in a row. */
const maxLossBackoffMs = 10_000;

/**
 * One advertised service. It treats its lease as expired after 90 % of the lease time, and then registers again.
 *
 * @see [C5.3](../../docs/guarantees.md#c5-3), [C5.6](../../docs/guarantees.md#c5-6)
 */
export class AdvertisedService extends AdvertisementEmitter implements Advertisement, RenewedLease {
  readonly #options: AdvertisedServiceOptions;
  readonly #updates: RegistrationUpdates;
  readonly #registration: InstanceRegistration;
  readonly #endController = new AbortController();
  #state: AdvertisementState = 'registering';
  #leaseMs: number;
  readonly #leaseTimer: LeaseLossDetector;
  #warnedCode: string | undefined;
  #isSuspect = false;
  /** Number of registrations in a row that were lost before their first renewal. */
  #lossesInRow = 0;
  #drainPromise: Promise<void> | undefined;
  #closePromise: Promise<void> | undefined;

  constructor(options: AdvertisedServiceOptions) {
    super(options.logger);
    this.#options = options;
    this.#leaseTimer = new LeaseLossDetector(options.clock, () =>
      this.#loseLease('no renewal was acknowledged in time'),
    );
    const { signal: endSignal } = this.#endController;
    this.#updates = new RegistrationUpdates({
      ...options,
      endSignal,
      isRegistered: () => this.#state === 'registered',
      send: (request) => {
        const { epoch, secret } = this;
        return options.renewer.register({ ...request, epoch, ...definedFields({ secret }) }, endSignal);
      },
    });
    this.#leaseMs = options.request.leaseMs;
    this.#registration = new InstanceRegistration({
      ...options,
      request: () => this.#updates.currentRequest(),
    });
  }

  /** Changes when an operator moves the service. */
  get name(): string {
    return this.#updates.name;
  }

  get id(): string {
    return this.#options.request.id;
  }

  get epoch(): number {
    return this.#registration.epoch ?? 0;
  }

  get secret(): string | undefined {
    return this.#registration.secret;
  }

  get leaseMs(): number {
    return this.#leaseMs;
  }

  get addresses(): readonly string[] {
    return this.#updates.addresses;
  }

  get registry(): readonly string[] {
    return this.#options.registry;
  }

  get state(): AdvertisementState {
    if (this.#state !== 'registered') return this.#state;
    if (this.#leaseTimer.isExpired) return 'lost';
    return this.#updates.isRegisteredAsStarting ? 'starting' : 'registered';
  }

  get load(): Load | undefined {
    return this.#options.load.current;
  }

  get activity(): CallActivity | undefined {
    return this.#options.handshake && this.#options.activity();
  }

  get servedAgoMs(): number | undefined {
    return this.#options.servedAgoMs();
  }

  reportLoad(load: LoadInit): void {
    this.#options.load.report(load);
  }

  /**
   * Registers the service. If this fails, withdraws a registration that the registry may have accepted, and then
   * rejects. If the withdrawal takes more than 1,000 ms, it continues in the background.
   */
  async start(signal: AbortSignal | undefined): Promise<void> {
    const onAbort = (): void => this.#endController.abort(advertiseAborted(signal as AbortSignal));
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort);
    try {
      await this.#updates.checkStarting();
      await this.#register(false);
      void this.#updates.untilUp();
    } catch (error) {
      await waitAtMost(this.#options.clock, maxWithdrawalMs, this.#endUnregistered());
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #endUnregistered(): Promise<void> {
    const ending = this.#drainPromise ?? this.#closePromise;
    if (ending !== undefined) return ending;
    this.#stopRenewing('closed');
    if (this.#registration.mayExist) await this.#registration.withdraw(true);
    this.#options.onEnded();
  }

  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  onRenewal({ status, isSuspect, presentName, incarnation }: RenewalResult, sentAt: number): void {
    if (status === 'fenced')
      this.#fence(
        'either this registration was withdrawn, or another process has registered the same id; in the second case, give each process an id of its own',
      );
    else if (status === 'lost') this.#loseLease('the registry has no valid registration of this instance');
    else {
      this.#lossesInRow = 0;
      this.#reportRecovery('renews its lease again');
      this.#leaseTimer.renew(sentAt, this.#leaseMs);
      this.#followMove(presentName);
      if (this.#state === 'registered') this.#updates.onRenewed(incarnation);
      this.#options.onRenewed();
      if (isSuspect === this.#isSuspect) return;
      this.#isSuspect = isSuspect;
      this.emit(isSuspect ? 'suspected' : 'cleared', { name: this.name, id: this.id });
    }
  }

  /** Called with the name under which the registry has the registration. Later requests use this name. */
  #followMove(presentName: string | undefined): void {
    const from = this.name;
    if (presentName === undefined || presentName === from) return;
    this.#updates.name = presentName;
    this.#options.logger.warn(
      `${from} (${this.id}) was moved to ${presentName}, and is now registered under this new name. Change the name in the configuration of the service before the name ${from} is removed`,
    );
    this.#options.onMoved(from, presentName);
    this.emit('moved', { name: presentName, id: this.id, from });
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

  async #register(recovered: boolean): Promise<void> {
    const { signal } = this.#endController;
    const { response, sentAt } = await this.#registration.register(
      this.#leaseMs,
      !recovered,
      signal,
      (error) => this.#warnOnce(error),
    );
    this.#leaseMs = response.leaseMs;
    this.#state = 'registered';
    this.#updates.onRegistered(response);
    this.#isSuspect = false;
    this.#reportRecovery(recovered ? 'is registered again' : 'is registered', recovered);
    this.#leaseTimer.renew(sentAt, this.#leaseMs);
    this.#options.renewer.add(this);
    this.#options.onRegistered(response);
    if (isName(response.name)) this.#followMove(response.name);
    this.emit('registered', { name: this.name, id: this.id, epoch: response.epoch, recovered });
  }

  /** Sends the registration again, after the key of the service has changed. */
  async registerAgain(): Promise<void> {
    // In any other state, the next registration uses the new key.
    if (this.#state === 'registered') await this.#updates.sendAgain();
  }

  #loseLease(reason: string): void {
    if (this.#state !== 'registered') return;
    const { clock, renewer, logger } = this.#options;
    this.#state = 'lost';
    this.#leaseTimer.stop();
    renewer.remove(this);
    logger.warn(`The lease of ${this.name} (${this.id}) is lost: ${reason}; the service registers again`);
    this.emit('lost', { name: this.name, id: this.id, reason });
    // After a restart of the registry, the random delay spreads the registrations of all services. The delay doubles
    // with each lost registration in a row, up to 10 s, so that a faulty registry gets few requests.
    const firstMs = Math.min(2_000, this.#leaseMs / 5);
    const backoffMs = backoffBoundMs({ firstMs, maxMs: maxLossBackoffMs }, ++this.#lossesInRow);
    const delay = { maxAskedMs: 0, backoffMs: minRemoteWaitMs + backoffMs };
    void sleep(clock, retryDelayMs(clock.random(), delay), false)
      .then(() => this.#register(true))
      .catch((error: unknown) => {
        if (this.#endController.signal.aborted) return;
        this.#fence(errorMessage(error));
      });
  }

  /** Logs the end of an outage whose beginning was logged, at the same level. */
  #reportRecovery(event: string, hasLost = false): void {
    if (this.#warnedCode !== undefined || hasLost)
      this.#options.logger.warn(`${this.name} (${this.id}) ${event}`);
    this.#warnedCode = undefined;
  }

  #fence(reason: string): void {
    const { logger } = this.#options;
    logger.warn(`${this.name} (${this.id}) is no longer registered: ${reason}`);
    this.#end('fenced');
    this.emit('fenced', { name: this.name, id: this.id, reason });
  }

  #warnOnce(error: unknown): void {
    const code = isClerkError(error) ? error.code : 'unknown';
    if (code === this.#warnedCode) return;
    this.#warnedCode = code;
    this.#options.logger.warn(
      `${this.name} cannot ${this.#state === 'registered' ? 'renew its lease' : 'be registered'}: ${errorMessage(error)}; the service retries`,
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
    const inMs = await this.#registration.withdraw(false);
    await sleep(clock, Math.min(inMs, until - clock.now()));
    await waitAtMost(clock, until - clock.now(), inFlight.whenIdle());
    if (this.#closePromise) return;
    this.#end('closed');
    this.emit('drained', { name: this.name, id: this.id });
  }

  async #close(): Promise<void> {
    if (this.#hasEnded) return;
    this.#stopRenewing('draining');
    await this.#registration.withdraw(true);
    this.#end('closed');
  }

  #stopRenewing(state: 'draining' | 'closed' | 'fenced'): void {
    this.#state = state;
    this.#leaseTimer.stop();
    this.#options.renewer.remove(this);
    this.#endController.abort(new ClerkError('CLERK_CLOSED', `The advertisement of ${this.name} has ended`));
  }
}

async function waitAtMost(clock: Clock, timeoutMs: number, promise: Promise<void>): Promise<void> {
  if (timeoutMs <= 0) return;
  const keepAlive = clock.setTimer(() => undefined, timeoutMs);
  await withTimeout(clock, timeoutMs, promise, () => new Error('Timed out')).catch(() => undefined);
  keepAlive.cancel();
}
