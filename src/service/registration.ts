/**
 * One service as the registry knows it, from its first registration to its end. The holder knows before the registry
 * that a lease is lost, and registers again for ever. Somebody newer in its place ends it for good.
 *
 * @see promises C5.3, C5.6
 */
import { sleep, within, type Clock } from '../core/clock.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import type { Load, LoadInit } from '../core/load-report.js';
import type { Logger } from '../core/logger.js';
import type { Retry } from '../core/retry.js';
import type { LaunchLine, RegisterReply, RegisterRequest } from '../wire/messages.js';
import { proofOf, type Hashing } from '../wire/proof.js';
import { isNoAnswer } from '../wire/servers.js';
import type { Advertisement, AdvertisementState } from './advertisement.js';
import { HeldLease } from './held-lease.js';
import type { InFlight } from './in-flight.js';
import { Listeners, type AdvertisementEvents } from './listeners.js';
import { aborted } from './listening.js';
import type { Office, Tenant } from './office.js';
import type { OwnLoad } from './own-load.js';
import { withdrawn } from './withdrawing.js';

/** What one is made of. */
export interface AdvertisementParts {
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly retry: Retry;
  readonly logger: Logger;
  readonly office: Office;
  readonly registry: readonly string[];
  readonly inFlight: InFlight;
  readonly load: OwnLoad;
  /** All but the fencing number and the ticket. */
  readonly request: Omit<RegisterRequest, 'epoch' | 'ticket'> & { readonly leaseMs: number };
  readonly launched: LaunchLine | undefined;
  /** Whether the instance id was drawn for it, so that nobody else can have it. */
  readonly isIdOwn: boolean;
  readonly drainMs: number;
  /** It is over, whyever. Called once. */
  readonly onOver: () => void;
}

/** Longest pause after a first failure in a row, in ms; doubles from there. */
const firstPauseMs = 500;
/** Longest pause of all, in ms. */
const longestPauseMs = 5_000;

/** See the file's header. */
export class Registration implements Advertisement, Tenant {
  readonly #parts: AdvertisementParts;
  readonly #listeners: Listeners;
  readonly #ended = new AbortController();
  #state: AdvertisementState = 'registering';
  #epoch: number | undefined;
  #leaseMs: number;
  #ticket: string | undefined;
  /** The ticket was sent and no answer came: it may be used up. */
  #ticketInDoubt = false;
  readonly #lease: HeldLease;
  #complained = false;
  #isSuspect = false;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: AdvertisementParts) {
    this.#parts = parts;
    this.#listeners = new Listeners(parts.logger);
    this.#lease = new HeldLease(parts.clock, () => this.#lose('no renewal was acknowledged in time'));
    this.#leaseMs = parts.request.leaseMs;
    this.#epoch = parts.launched?.epoch;
    this.#ticket = parts.launched?.ticket;
  }

  get name(): string {
    return this.#parts.request.name;
  }

  get id(): string {
    return this.#parts.request.id;
  }

  get epoch(): number {
    return this.#epoch ?? 0;
  }

  get leaseMs(): number {
    return this.#leaseMs;
  }

  get addresses(): readonly string[] {
    return this.#parts.request.addresses;
  }

  get registry(): readonly string[] {
    return this.#parts.registry;
  }

  get state(): AdvertisementState {
    return this.#state === 'registered' && this.#lease.isOverdue ? 'lost' : this.#state;
  }

  get load(): Load | undefined {
    return this.#parts.load.current;
  }

  reportLoad(load: LoadInit): void {
    this.#parts.load.say(load);
  }

  on<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this {
    this.#listeners.on(event, listener);
    return this;
  }

  off<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this {
    this.#listeners.off(event, listener);
    return this;
  }

  /** Registers it for the first time. Rejects when it is refused, or given up by its caller. */
  async begin(signal: AbortSignal | undefined): Promise<void> {
    const onAbort = (): void => this.#ended.abort(aborted(signal as AbortSignal));
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort);
    try {
      await this.#register(false);
    } catch (error) {
      this.#over('closed');
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  onRenewal(word: 'renewed' | 'lost' | 'fenced', sentAt: number, isSuspect: boolean): void {
    if (word === 'fenced') this.#fence(`a newer registration of ${this.name} took its place`);
    else if (word === 'lost') this.#lose('the registry knows no such registration any more');
    else {
      this.#complained = false;
      this.#lease.hold(sentAt, this.#leaseMs);
      if (isSuspect === this.#isSuspect) return;
      this.#isSuspect = isSuspect;
      this.#listeners.emit(isSuspect ? 'suspected' : 'cleared', { name: this.name, id: this.id });
    }
  }

  onSilence(error: unknown): void {
    this.#complain(error);
  }

  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Asks until it is registered or refused. */
  async #register(again: boolean): Promise<void> {
    const { clock, retry, office } = this.#parts;
    const { signal } = this.#ended;
    let sentAt = 0;
    const reply = await retry(
      () => {
        signal.throwIfAborted();
        sentAt = clock.now();
        return office.register(this.#request(), signal);
      },
      async (error, number) => {
        signal.throwIfAborted();
        if (!this.#mayAskAgain(error)) throw error;
        this.#complain(error);
        // Not longer than between two renewals: a healthy one must be back before its lease is over.
        const mostMs = Math.min(
          longestPauseMs,
          Math.max(firstPauseMs, this.#leaseMs / 3),
          firstPauseMs * 2 ** Math.min(number - 1, 8),
        );
        const leastMs = isClerkError(error) ? (error.remainingMs ?? 0) : 0;
        await sleep(clock, Math.min(leastMs, longestPauseMs) + mostMs * clock.random(), !again);
        signal.throwIfAborted();
      },
    );
    this.#check(reply);
    this.#ticket = undefined;
    this.#epoch = reply.epoch;
    this.#leaseMs = reply.leaseMs;
    this.#state = 'registered';
    this.#isSuspect = false;
    this.#complained = false;
    this.#lease.hold(sentAt, this.#leaseMs);
    office.join(this);
    this.#listeners.emit('registered', { name: this.name, id: this.id, epoch: reply.epoch, again });
  }

  #request(): RegisterRequest {
    const { request } = this.#parts;
    return {
      ...request,
      ...(this.#epoch !== undefined && { epoch: this.#epoch }),
      ...(this.#ticket !== undefined && { ticket: this.#ticket }),
    };
  }

  #mayAskAgain(error: unknown): boolean {
    if (isNoAnswer(error)) {
      this.#ticketInDoubt ||= this.#ticket !== undefined;
      return true;
    }
    if (isClerkError(error) && error.code === 'TICKET_REFUSED' && this.#ticketInDoubt) {
      // It was taken by the registration whose answer was lost; the number that came with it is still good.
      this.#ticketInDoubt = false;
      this.#ticket = undefined;
      return true;
    }
    if (
      isClerkError(error) &&
      error.code === 'FORBIDDEN' &&
      this.#parts.isIdOwn &&
      this.#epoch !== undefined
    ) {
      // Nobody can have taken its place; it was away for so long that its number was forgotten.
      this.#epoch = undefined;
      return true;
    }
    return isClerkError(error) && error.code === 'LIMIT';
  }

  /** A launched service believes only the registry that launched it. @see Tcl-DP T9 */
  #check({ proof, epoch }: RegisterReply): void {
    const { hashing, launched } = this.#parts;
    if (launched === undefined || this.#ticket === undefined) return;
    const expected = proofOf(hashing, launched.registryKey, launched.name, epoch);
    if (typeof proof === 'string' && hashing.sameText(proof, expected)) return;
    throw new ClerkError(
      'TICKET_REFUSED',
      `The registry could not prove that it is the one that launched ${this.name}; the ticket was not meant for it`,
    );
  }

  #lose(reason: string): void {
    if (this.#state !== 'registered') return;
    const { clock, office, logger } = this.#parts;
    this.#state = 'lost';
    this.#lease.release();
    office.leave(this);
    logger.warn(`The lease of ${this.name} (${this.id}) is lost: ${reason}; it is registered again`);
    this.#listeners.emit('lost', { name: this.name, id: this.id, reason });
    // After a restart of the registry everybody is here at once.
    void sleep(clock, clock.random() * Math.min(2_000, this.#leaseMs / 5), false)
      .then(() => this.#register(true))
      .catch((error: unknown) => {
        if (this.#ended.signal.aborted) return;
        this.#fence(reasonOf(error));
      });
  }

  #fence(reason: string): void {
    const { logger } = this.#parts;
    logger.warn(`${this.name} (${this.id}) is not registered any more: ${reason}`);
    this.#over('fenced');
    this.#listeners.emit('fenced', { name: this.name, id: this.id, reason });
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#parts.logger.warn(
      `${this.name} cannot ${this.#state === 'registered' ? 'renew its lease' : 'be registered'} for now, and goes on trying: ${reasonOf(error)}`,
    );
  }

  get #isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'fenced';
  }

  #over(state: 'closed' | 'fenced'): void {
    if (this.#isOver) return;
    this.#retire(state);
    this.#parts.onOver();
  }

  async #drain(): Promise<void> {
    if (this.#isOver) return;
    const { clock, drainMs, inFlight } = this.#parts;
    const until = clock.now() + drainMs;
    this.#retire('draining');
    const inMs = await this.#withdraw(false);
    await sleep(clock, Math.min(inMs, until - clock.now()));
    await heldWithin(clock, until - clock.now(), inFlight.quiet());
    if (this.#closing) return;
    this.#over('closed');
    this.#listeners.emit('drained', { name: this.name, id: this.id });
  }

  async #close(): Promise<void> {
    if (this.#isOver) return;
    this.#retire('draining');
    await this.#withdraw(true);
    this.#over('closed');
  }

  /** It is neither renewed nor registered again from here on. */
  #retire(state: 'draining' | 'closed' | 'fenced'): void {
    this.#state = state;
    this.#lease.release();
    this.#parts.office.leave(this);
    this.#ended.abort(new ClerkError('CLOSED', `The advertisement of ${this.name} is over`));
  }

  /** How long there may still be clerks who do not know, in ms. */
  #withdraw(now: boolean): Promise<number> {
    if (this.#epoch === undefined) return Promise.resolve(0);
    const { name, id, epoch } = this;
    return withdrawn(this.#parts, { name, id, epoch, ...(now && { now }) });
  }
}

/** Waits for something, but not for ever; keeps the process alive meanwhile. */
async function heldWithin(clock: Clock, limitMs: number, promise: Promise<void>): Promise<void> {
  if (limitMs <= 0) return;
  const held = clock.setTimer(() => undefined, limitMs);
  await within(clock, limitMs, promise, () => new Error('Not waited for any longer')).catch(() => undefined);
  held.cancel();
}
