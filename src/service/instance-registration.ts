import { abortableSleep } from '../core/abortable-sleep.js';
import { backoffBoundMs, equalJitterMs } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { clampWaitMs, retryDelayMs } from '../core/server-requested-delay.js';
import type { RetryLoop } from '../core/retry-loop.js';
import { limits } from '../protocol/limits.js';
import { launchProof, type Hashing } from '../protocol/launch-proof.js';
import type { LaunchHandshake } from '../protocol/launch-messages.js';
import type { RegisterRequest, RegisterResponse } from '../protocol/registration-messages.js';
import { isUnavailable } from '../registry-client/connection-errors.js';
import type { LeaseRenewer } from './lease-renewer.js';
import { withdraw } from './withdraw.js';

export type RegistrationRequest = Omit<RegisterRequest, 'epoch' | 'secret' | 'ticket'> & {
  readonly leaseMs: number;
};

export interface RegistrationOptions {
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly retry: RetryLoop;
  readonly logger: Logger;
  readonly renewer: LeaseRenewer;
  readonly request: () => RegistrationRequest;
  readonly handshake: LaunchHandshake | undefined;
  readonly isIdGenerated: boolean;
}

/** Bounds of the random delay before a retry, in ms. A delay that the registry requests is added, up to 5,000 ms. */
const backoff = { firstMs: 500, maxMs: 5_000 };
/** Maximum delay before a retry while another process is registered with the same id, in ms. */
const heldRetryMs = 1_000;
/** The service retries for this time, in ms, after the lease of the other process should have expired. */
const heldMarginMs = 2_000;
/** Maximum time that {@link InstanceRegistration.withdraw} waits for the response to a registration, in ms. */
const maxResponseMs = 3_000;

/**
 * The registration of one instance. If a response was lost, the registry may have accepted the request, and the epoch
 * is unknown here. `withdraw` therefore waits for a response, or requests the epoch.
 */
export class InstanceRegistration {
  readonly #options: RegistrationOptions;
  readonly #requests = new AbortController();
  #epoch: number | undefined;
  #secret: string | undefined;
  #ticket: string | undefined;
  /** Whether the registry may have accepted the ticket in a request whose response was lost. */
  #ticketMayBeUsed = false;
  /** Whether the registry may have accepted a registration whose response was lost. */
  #mayBeAccepted = false;
  #isAccepted = false;
  /** While another process is registered with the same id: the end of the retries, on the monotonic clock. */
  #heldUntil: number | undefined;
  #inFlight: Promise<void> | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#epoch = options.handshake?.epoch;
    this.#ticket = options.handshake?.ticket;
  }

  get epoch(): number | undefined {
    return this.#epoch;
  }

  get secret(): string | undefined {
    return this.#secret;
  }

  get mayExist(): boolean {
    return this.#isAccepted || this.#mayBeAccepted || this.#inFlight !== undefined;
  }

  /**
   * Registers the instance. Retries until the registry accepts or refuses the registration, or `signal` aborts. While
   * another process is registered with an id that the program has set, retries until the lease of that process should
   * have expired. Resolves to the response and the send time of the request.
   *
   * @param leaseMs - the lease that the registry has granted last, in ms
   * @param keepsAlive - whether the delays between attempts keep the process alive
   * @param onRetry - called with the error before each retry
   */
  async register(
    leaseMs: number,
    keepsAlive: boolean,
    signal: AbortSignal,
    onRetry: (error: unknown) => void,
  ): Promise<{ readonly response: RegisterResponse; readonly sentAt: number }> {
    const { clock, retry } = this.#options;
    let sentAt = 0;
    const response = await retry(
      () => {
        sentAt = clock.now();
        return abortable(this.#send(this.#options.request()), signal);
      },
      {
        signal,
        shouldRetry: (error) => this.#isEpochUnknown(error) || this.#canRetry(error),
        wait: async (error, failures) => {
          if (this.#isEpochUnknown(error)) {
            this.#epoch = this.#secret = undefined;
            return;
          }
          onRetry(error);
          await abortableSleep(clock, this.#delayMs(error, failures, leaseMs), signal, keepsAlive);
        },
      },
    );
    this.#verifyProof(response);
    this.#ticket = undefined;
    this.#heldUntil = undefined;
    return { response, sentAt };
  }

  /**
   * Resolves to the time, in ms, for which clients with a cached resolution may still call the instance. Never
   * rejects.
   */
  async withdraw(immediately: boolean): Promise<number> {
    const { clock } = this.#options;
    if (this.#inFlight !== undefined) {
      const timer = clock.setTimer(() => this.#requests.abort(), maxResponseMs);
      await this.#inFlight;
      timer.cancel();
    }
    if (this.#mayBeAccepted && this.#secret === undefined) await this.#requestEpoch();
    const epoch = this.#epoch;
    if (epoch === undefined) return 0;
    const { name, id } = this.#options.request();
    const secret = this.#secret;
    const request = { name, id, epoch, ...definedFields({ secret }) };
    return withdraw(this.#options, { ...request, ...(immediately && { now: immediately }) });
  }

  /**
   * Registers the instance again for the minimum lease, because only a registration response contains the epoch and
   * the secret.
   */
  async #requestEpoch(): Promise<void> {
    const { clock, logger } = this.#options;
    const request = { ...this.#options.request(), leaseMs: limits.minLeaseMs };
    const timer = clock.setTimer(() => this.#requests.abort(new Error('no response')), maxResponseMs);
    await this.#send(request).catch((error: unknown) =>
      logger.warn(
        `${request.name} may stay registered until its lease expires, because its registration got no response: ${errorMessage(error)}`,
      ),
    );
    timer.cancel();
  }

  #send(request: RegistrationRequest): Promise<RegisterResponse> {
    const response = this.#options.renewer.register(
      { ...request, ...definedFields({ epoch: this.#epoch, secret: this.#secret, ticket: this.#ticket }) },
      this.#requests.signal,
    );
    const settled = response
      .then(
        ({ epoch, secret }) => {
          this.#epoch = epoch;
          this.#secret = secret;
          this.#isAccepted = true;
        },
        (error: unknown) => {
          this.#mayBeAccepted ||= isUnavailable(error) && !wasRefused(error);
        },
      )
      .then(() => {
        if (this.#inFlight === settled) this.#inFlight = undefined;
      });
    this.#inFlight = settled;
    return response;
  }

  /** Returns the delay before the next attempt, in ms. */
  #delayMs(error: unknown, failures: number, leaseMs: number): number {
    const { clock } = this.#options;
    if (isHeld(error))
      return clampWaitMs(
        equalJitterMs(Math.min(error.remainingMs, heldRetryMs), clock.random()),
        heldRetryMs,
      );
    // The delay is at most a third of the lease, so that the service registers soon after the registry is available
    // again. For a lease below 1,500 ms, the maximum is 500 ms.
    const backoffMs = Math.min(Math.max(backoff.firstMs, leaseMs / 3), backoffBoundMs(backoff, failures));
    const askedMs = isClerkError(error) ? error.remainingMs : undefined;
    return retryDelayMs(clock.random(), { askedMs, maxAskedMs: backoff.maxMs, backoffMs });
  }

  /**
   * Whether the registry does not know the epoch, for example after the registry has lost its data. The next attempt is
   * then made at once, without an epoch. A launched service keeps its epoch until the registry has accepted it, because a
   * later launch may have replaced the service.
   */
  #isEpochUnknown(error: unknown): boolean {
    if (!isForbidden(error) || error.remainingMs === undefined || this.#epoch === undefined) return false;
    return this.#options.handshake === undefined || this.#isAccepted;
  }

  #canRetry(error: unknown): boolean {
    if (isUnavailable(error)) {
      // After a restart of the registry, the lease of the other process begins again, so the wait begins again too.
      this.#heldUntil = undefined;
      this.#ticketMayBeUsed ||= this.#ticket !== undefined;
      return true;
    }
    if (isClerkError(error) && error.code === 'TICKET_REFUSED' && this.#ticketMayBeUsed) {
      // An earlier attempt has used the ticket, but the response was lost. The epoch of the ticket is still valid, so
      // the retry sends only the epoch.
      this.#ticketMayBeUsed = false;
      this.#ticket = undefined;
      return true;
    }
    if (isHeld(error)) {
      const now = this.#options.clock.now();
      this.#heldUntil ??= now + error.remainingMs + heldMarginMs;
      // No other program uses a generated id. The other registration is an earlier one of this process, and will
      // expire.
      return this.#options.isIdGenerated || now < this.#heldUntil;
    }
    return isClerkError(error) && error.code === 'LIMIT_EXCEEDED';
  }

  /**
   * Throws if the response to a ticket does not prove that the registry launched this service.
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
      `The registry did not prove that it launched ${handshake.name}, so the launch ticket may be from another registry; check the registry address`,
    );
  }
}

function isForbidden(error: unknown): error is ClerkError {
  return isClerkError(error) && error.code === 'FORBIDDEN';
}

/** Whether another process has a lease with the same id. `remainingMs` is the time until that lease expires. */
function isHeld(error: unknown): error is ClerkError & { readonly remainingMs: number } {
  return isForbidden(error) && error.remainingMs !== undefined && error.remainingMs > 0;
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Whether no server listens at the address, so no server has received the request. */
function wasRefused(error: unknown): boolean {
  const { cause } = error as { readonly cause?: unknown };
  if (cause instanceof AggregateError) return cause.errors.every(wasRefused);
  return ['ECONNREFUSED', 'ENOENT'].includes(
    String((cause as { readonly code?: unknown } | undefined)?.code),
  );
}
