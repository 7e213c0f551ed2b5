import { sleep, type Clock } from '../core/clock.js';
import { toEndpoint, type Endpoint } from '../core/endpoint.js';
import { ClerkError, copyError, errorMessage, isClerkError } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { Factory, StartedEndpoint } from '../core/factory.js';
import { clampWaitMs } from '../core/server-requested-delay.js';
import { runWithoutInbound } from '../core/inbound-request.js';
import { StartBackoff } from '../core/start-backoff.js';
import { withDeadline } from '../core/with-deadline.js';

const startTimeoutMs = 60_000;
/** Delay of the next start, in ms, if the registry refused a start because the service has working endpoints. */
const unchangedWaitMs = 1_000;
const maxPostponedMs = 60_000;
const minIntervalMs = 500;

/**
 * Starts one service through its factory. Concurrent callers share one start. The deadlines of the callers do not
 * limit the start. If the start fails, each caller gets its own error object. After a failed start, the service
 * cannot be started for 1 s. This time doubles with each further failure, up to 30 s. After 3 failures within 60 s,
 * starts are refused until the first of these failures is 60 s old. Starts do not use the retry budget.
 *
 * @see [B3](../../docs/background.md#b3)
 * @see [C6.1](../../docs/guarantees.md#c6-1), [C6.3](../../docs/guarantees.md#c6-3)
 */
export class ServiceStarter {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #reporter: EventSink;
  readonly #signal: AbortSignal;
  #inFlight: Promise<readonly Endpoint[]> | undefined;
  readonly #backoff = new StartBackoff();
  #lastFailure: ClerkError | undefined;
  #notBefore = 0;
  #lastSuccessAt = -Infinity;

  /** @param signal - aborts when the clerk is destroyed, or when its last call after `close` has ended */
  constructor(name: string, clock: Clock, reporter: EventSink, signal: AbortSignal) {
    this.#name = name;
    this.#clock = clock;
    this.#reporter = reporter;
    this.#signal = signal;
  }

  /**
   * Starts the service, or joins the start in progress.
   *
   * @returns the endpoints that the factory started, at least one
   * @throws {@link ClerkError} `FACTORY_FAILED`, `START_FAILED`, `CLERK_CLOSED`
   */
  start(factory: Factory): Promise<readonly Endpoint[]> {
    this.#inFlight ??= runWithoutInbound(() => this.#start(factory)).finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight.catch((error: unknown) => {
      throw copyError(error);
    });
  }

  markHealthy(): void {
    this.#backoff.reset();
  }

  markUnreachable(): void {
    this.#recordFailure(
      new ClerkError(
        'FACTORY_FAILED',
        `The factory of ${this.#name} returned no endpoint that accepts connections; the factory must resolve only when the service accepts connections`,
      ),
    );
  }

  /** Handles a refused start: the registry knows working endpoints, but this clerk cannot reach them. */
  markUnchanged(): void {
    const message = `${this.#name} was not started again: the registry reports working endpoints, but this clerk cannot reach them; check the network path from this host to the endpoints`;
    this.#postpone(new ClerkError('START_FAILED', message), unchangedWaitMs);
  }

  async #start(factory: Factory): Promise<readonly Endpoint[]> {
    const startedAt = this.#clock.now();
    const waitMs = Math.max(
      this.#backoff.remaining(startedAt)?.remainingMs ?? 0,
      this.#notBefore - startedAt,
    );
    if (this.#lastFailure && waitMs > 0) {
      const seconds = (waitMs / 1_000).toFixed(1);
      throw new ClerkError(
        this.#lastFailure.code,
        `${this.#lastFailure.message}; the service can be started again in ${seconds} s`,
        { cause: this.#lastFailure.cause },
      );
    }
    const earlyMs = this.#lastSuccessAt + minIntervalMs - startedAt;
    if (earlyMs > 0) await sleep(this.#clock, earlyMs, false);
    try {
      const started = await this.#runFactory(factory);
      const list = (Array.isArray(started) ? started : [started]) as readonly StartedEndpoint[];
      if (list.length === 0)
        throw new Error('the factory must return at least one address; got an empty list');
      const endpoints = list.map((item) => toEndpoint(item, `the factory of ${this.#name}`));
      const ids = endpoints.map(({ id }) => id);
      if (new Set(ids).size < ids.length)
        throw new Error(`the endpoints of the factory must have different ids; got ${ids.join(', ')}`);
      const ms = this.#clock.now() - startedAt;
      if (this.#reporter.hasListeners('started'))
        this.#reporter.emit('started', { name: this.#name, endpoints: ids, durationMs: ms });
      this.#lastSuccessAt = this.#clock.now();
      return endpoints;
    } catch (error) {
      if (this.#signal.aborted) throw this.#closedError();
      // A `remainingMs` in the error states that the start is too early. An early start is not counted as a failure.
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
    this.#lastFailure = error;
    this.#backoff.onStartFailed(this.#clock.now(), error.message);
    return error;
  }

  #postpone(error: ClerkError, remainingMs: number): ClerkError {
    this.#lastFailure = error;
    this.#notBefore = this.#clock.now() + clampWaitMs(remainingMs, maxPostponedMs);
    return error;
  }

  #runFactory(factory: Factory): Promise<StartedEndpoint | readonly StartedEndpoint[]> {
    return withDeadline(
      {
        clock: this.#clock,
        limitMs: startTimeoutMs,
        onTimeout: () => new Error(`the factory did not resolve within ${String(startTimeoutMs / 1_000)} s`),
        parents: [{ signal: this.#signal, error: () => this.#closedError() }],
      },
      async (signal) => factory({ name: this.#name, signal }),
    );
  }

  #closedError(): ClerkError {
    return new ClerkError('CLERK_CLOSED', `The clerk was closed while it started ${this.#name}`);
  }
}
