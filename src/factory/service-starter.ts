/**
 * Starts a missing service, once for any number of callers. A factory that fails is not called again at once, and every
 * caller learns why it failed; a service that was started, has answered and then died is started again.
 *
 * @see "Building Secure and Reliable Network Applications" B3; promises C6.1, C6.3
 */
import type { Clock } from '../core/clock.js';
import { toEndpoint, type Endpoint } from '../core/endpoint.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { Factory, StartedEndpoint } from '../core/factory.js';

const startTimeoutMs = 60_000;
const baseBackoffMs = 1_000;
const maxBackoffMs = 30_000;
const failureWindowMs = 60_000;
const maxFailuresInWindow = 3;

/** Starts one service. */
export class ServiceStarter {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #reporter: EventSink;
  readonly #signal: AbortSignal;
  readonly #reserveBudget: () => boolean;
  #inFlight: Promise<readonly Endpoint[]> | undefined;
  #failureTimes: number[] = [];
  #lastFailure: ClerkError | undefined;
  /** Whoever starts it has said that it is too early before this. */
  #notBefore = 0;

  /**
   * @param name - of the service
   * @param signal - aborted when the clerk is closed
   * @param reserveBudget - takes one start out of the budget that repeats draw on too, or says that there is none to take
   */
  constructor(
    name: string,
    clock: Clock,
    reporter: EventSink,
    signal: AbortSignal,
    reserveBudget: () => boolean,
  ) {
    this.#name = name;
    this.#clock = clock;
    this.#reporter = reporter;
    this.#signal = signal;
    this.#reserveBudget = reserveBudget;
  }

  /** Has the service started, or joins a start that is under way. Rejects with `FACTORY_FAILED`, `BUDGET_EXHAUSTED` or `CLERK_CLOSED`. */
  start(factory: Factory): Promise<readonly Endpoint[]> {
    this.#inFlight ??= this.#start(factory).finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  /** What was started has answered: it works. */
  markHealthy(): void {
    if (this.#failureTimes.length > 0) this.#failureTimes = [];
  }

  /** What was started could not be reached, without ever having answered: that start has failed after all. */
  markUnreachable(): void {
    this.#recordFailure(
      new ClerkError(
        'FACTORY_FAILED',
        `The factory of ${this.#name} said it had started the service, and nobody could be reached there`,
      ),
    );
  }

  async #start(factory: Factory): Promise<readonly Endpoint[]> {
    const startedAt = this.#clock.now();
    const backoffMs = this.#nextStartAt() - startedAt;
    if (this.#lastFailure && backoffMs > 0) {
      const seconds = (backoffMs / 1_000).toFixed(1);
      throw new ClerkError(
        this.#lastFailure.code,
        `${this.#lastFailure.message}; it is asked again in ${seconds} s at the earliest`,
        { cause: this.#lastFailure.cause },
      );
    }
    // No failure of the factory: it was not asked.
    if (!this.#reserveBudget())
      throw new ClerkError(
        'BUDGET_EXHAUSTED',
        `${this.#name} is not started now: the budget that starts share with repeats is spent for the last 10 s`,
      );
    try {
      const started = await this.#runFactory(factory);
      const list = (Array.isArray(started) ? started : [started]) as readonly StartedEndpoint[];
      if (list.length === 0) throw new Error('it returned an empty list of addresses');
      const endpoints = list.map((item) => toEndpoint(item, `the factory of ${this.#name}`));
      const ids = endpoints.map(({ id }) => id);
      if (new Set(ids).size < ids.length) throw new Error(`it returned an instance twice: ${ids.join(', ')}`);
      const ms = this.#clock.now() - startedAt;
      if (this.#reporter.hasListeners('started'))
        this.#reporter.emit('started', { name: this.#name, endpoints: ids, durationMs: ms });
      return endpoints;
    } catch (error) {
      if (this.#signal.aborted) throw this.#closedError();
      // A launcher's reason is the reason, and that it does not try yet is no other failure.
      if (isClerkError(error) && error.code === 'START_FAILED')
        throw error.remainingMs === undefined
          ? this.#recordFailure(error)
          : this.#postpone(error, error.remainingMs);
      throw this.#recordFailure(
        new ClerkError('FACTORY_FAILED', `The factory of ${this.#name} failed: ${errorMessage(error)}`, {
          cause: error,
        }),
      );
    }
  }

  #recordFailure(error: ClerkError): ClerkError {
    const now = this.#clock.now();
    this.#lastFailure = error;
    this.#failureTimes = [...this.#failureTimes.filter((at) => now - at < failureWindowMs), now];
    return error;
  }

  #postpone(error: ClerkError, remainingMs: number): ClerkError {
    this.#lastFailure = error;
    this.#notBefore = this.#clock.now() + Math.min(remainingMs, failureWindowMs);
    return error;
  }

  /** When the factory may be asked again: a pause that doubles, and never more than three failed starts a minute. */
  #nextStartAt(): number {
    const last = this.#failureTimes.at(-1);
    if (last === undefined) return this.#notBefore;
    const backoffEnd = last + Math.min(maxBackoffMs, baseBackoffMs * 2 ** (this.#failureTimes.length - 1));
    const oldest = this.#failureTimes.at(-maxFailuresInWindow);
    return Math.max(backoffEnd, this.#notBefore, oldest === undefined ? 0 : oldest + failureWindowMs);
  }

  #runFactory(factory: Factory): Promise<StartedEndpoint | readonly StartedEndpoint[]> {
    const controller = new AbortController();
    return new Promise((resolve, reject) => {
      const cleanUp = (): void => {
        timer.cancel();
        this.#signal.removeEventListener('abort', onClosed);
      };
      const fail = (reason: Error): void => {
        cleanUp();
        controller.abort(reason);
        reject(reason);
      };
      const onClosed = (): void => fail(this.#closedError());
      const timer = this.#clock.setTimer(
        () => fail(new Error(`it did not finish within ${String(startTimeoutMs / 1_000)} s`)),
        startTimeoutMs,
      );
      // Callers that wait keep the process alive themselves.
      timer.setRef(false);
      this.#signal.addEventListener('abort', onClosed);
      Promise.resolve()
        .then(() => {
          this.#signal.throwIfAborted();
          return factory({ name: this.#name, signal: controller.signal });
        })
        .finally(cleanUp)
        .then(resolve, reject);
    });
  }

  #closedError(): ClerkError {
    return new ClerkError('CLERK_CLOSED', `The clerk was closed while ${this.#name} was being started`);
  }
}
