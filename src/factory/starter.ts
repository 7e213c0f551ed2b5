/**
 * Starts a missing service, once for any number of callers. A factory that fails is not called again at once, and every
 * caller learns why it failed; a service that was started, has answered and then died is started again.
 *
 * @see "Building Secure and Reliable Network Applications" B3; promises C6.1, C6.3
 */
import type { Clock } from '../core/clock.js';
import { toEndpoint, type Endpoint } from '../core/endpoint.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import type { Reporter } from '../core/events.js';
import type { Factory, Started } from '../core/factory.js';

const longestStartMs = 60_000;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
const windowMs = 60_000;
const mostFailuresInWindow = 3;

/** Starts one service. */
export class Starter {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #reporter: Reporter;
  readonly #signal: AbortSignal;
  readonly #pays: () => boolean;
  #flight: Promise<readonly Endpoint[]> | undefined;
  #failures: number[] = [];
  #failure: ClerkError | undefined;
  /** Whoever starts it has said that it is too early before this. */
  #earliestAt = 0;

  /**
   * @param name - of the service
   * @param signal - aborted when the clerk is closed
   * @param pays - takes one start out of the budget that repeats draw on too, or says that there is none to take
   */
  constructor(name: string, clock: Clock, reporter: Reporter, signal: AbortSignal, pays: () => boolean) {
    this.#name = name;
    this.#clock = clock;
    this.#reporter = reporter;
    this.#signal = signal;
    this.#pays = pays;
  }

  /** Has the service started, or joins a start that is under way. Rejects with `FACTORY_FAILED`, `BUDGET_EXHAUSTED` or `CLOSED`. */
  start(factory: Factory): Promise<readonly Endpoint[]> {
    this.#flight ??= this.#start(factory).finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  /** What was started has answered: it works. */
  succeeded(): void {
    if (this.#failures.length > 0) this.#failures = [];
  }

  /** What was started could not be reached, without ever having answered: that start has failed after all. */
  disappointed(): void {
    this.#fail(
      new ClerkError(
        'FACTORY_FAILED',
        `The factory of ${this.#name} said it had started the service, and nobody could be reached there`,
      ),
    );
  }

  async #start(factory: Factory): Promise<readonly Endpoint[]> {
    const beganAt = this.#clock.now();
    const waitMs = this.#pauseUntil() - beganAt;
    if (this.#failure && waitMs > 0) {
      const seconds = (waitMs / 1_000).toFixed(1);
      throw new ClerkError(
        this.#failure.code,
        `${this.#failure.message}; it is asked again in ${seconds} s at the earliest`,
        { cause: this.#failure.cause },
      );
    }
    // No failure of the factory: it was not asked.
    if (!this.#pays())
      throw new ClerkError(
        'BUDGET_EXHAUSTED',
        `${this.#name} is not started now: the budget that starts share with repeats is spent for the last 10 s`,
      );
    try {
      const started = await this.#within(factory);
      const list = (Array.isArray(started) ? started : [started]) as readonly Started[];
      if (list.length === 0) throw new Error('it returned an empty list of addresses');
      const endpoints = list.map((item) => toEndpoint(item, `the factory of ${this.#name}`));
      const ids = endpoints.map(({ id }) => id);
      if (new Set(ids).size < ids.length) throw new Error(`it returned an instance twice: ${ids.join(', ')}`);
      const ms = this.#clock.now() - beganAt;
      if (this.#reporter.wants('started'))
        this.#reporter.report('started', { name: this.#name, endpoints: ids, ms });
      return endpoints;
    } catch (error) {
      if (this.#signal.aborted) throw this.#closed();
      // A launcher's reason is the reason, and that it does not try yet is no other failure.
      if (isClerkError(error) && error.code === 'START_FAILED')
        throw error.remainingMs === undefined ? this.#fail(error) : this.#tooEarly(error, error.remainingMs);
      throw this.#fail(
        new ClerkError('FACTORY_FAILED', `The factory of ${this.#name} failed: ${reasonOf(error)}`, {
          cause: error,
        }),
      );
    }
  }

  #fail(error: ClerkError): ClerkError {
    const now = this.#clock.now();
    this.#failure = error;
    this.#failures = [...this.#failures.filter((at) => now - at < windowMs), now];
    return error;
  }

  #tooEarly(error: ClerkError, remainingMs: number): ClerkError {
    this.#failure = error;
    this.#earliestAt = this.#clock.now() + Math.min(remainingMs, windowMs);
    return error;
  }

  /** When the factory may be asked again: a pause that doubles, and never more than three failed starts a minute. */
  #pauseUntil(): number {
    const last = this.#failures.at(-1);
    if (last === undefined) return this.#earliestAt;
    const pause = last + Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failures.length - 1));
    const oldest = this.#failures.at(-mostFailuresInWindow);
    return Math.max(pause, this.#earliestAt, oldest === undefined ? 0 : oldest + windowMs);
  }

  #within(factory: Factory): Promise<Started | readonly Started[]> {
    const controller = new AbortController();
    return new Promise((resolve, reject) => {
      const over = (): void => {
        timer.cancel();
        this.#signal.removeEventListener('abort', onClosed);
      };
      const stop = (reason: Error): void => {
        over();
        controller.abort(reason);
        reject(reason);
      };
      const onClosed = (): void => stop(this.#closed());
      const timer = this.#clock.setTimer(
        () => stop(new Error(`it did not finish within ${String(longestStartMs / 1_000)} s`)),
        longestStartMs,
      );
      // Callers that wait keep the process alive themselves.
      timer.setRef(false);
      this.#signal.addEventListener('abort', onClosed);
      Promise.resolve()
        .then(() => {
          this.#signal.throwIfAborted();
          return factory({ name: this.#name, signal: controller.signal });
        })
        .finally(over)
        .then(resolve, reject);
    });
  }

  #closed(): ClerkError {
    return new ClerkError('CLOSED', `The clerk was closed while ${this.#name} was being started`);
  }
}
