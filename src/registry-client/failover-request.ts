import type { Clock, Timer } from '../core/clock.js';
import type { RegistryConnection, RegistryRequest, RegistryResponse } from './connection.js';
import { combineErrors, isUnavailable } from './connection-errors.js';
import { isStaleResponse } from './server-checks.js';

const hedgeDelayMs = 500;

export interface FailoverOptions<T> {
  readonly signal: AbortSignal;
  /**
   * What the client does when no response has arrived within 500 ms. `true`: it sends the request to the next server as
   * well. `false`: it waits for the response; required for a change. A read request: it sends this read every 500 ms,
   * because the response to the original request may take long. If a server that has not received the original request
   * responds to the read first, the client sends the original request to that server.
   */
  readonly hedged: boolean | RegistryRequest;
  readonly parse: (response: RegistryResponse, connection: RegistryConnection) => T;
}

/** The servers that a request may be sent to. */
export interface FailoverServers {
  /** The preferred server first. */
  readonly connections: readonly RegistryConnection[];
  /** Makes `to` the preferred server, if `from` is still the preferred server. */
  leave(from: RegistryConnection, to: RegistryConnection): void;
  checkBetter<T>(request: RegistryRequest, parse: FailoverOptions<T>['parse'], isStale: boolean): void;
  request<T>(request: RegistryRequest, options: FailoverOptions<T>): Promise<T>;
}

/** One repeatable request, until a server has responded. */
export class FailoverRequest<T> {
  readonly #first: RegistryConnection;
  #untried: readonly RegistryConnection[];
  readonly #controller = new AbortController();
  readonly #errors: unknown[] = [];
  #pending = 0;
  #isSettled = false;
  #timer: Timer | undefined;

  constructor(
    readonly servers: FailoverServers,
    readonly request: RegistryRequest,
    readonly options: FailoverOptions<T>,
    readonly clock: Clock,
    readonly resolve: (value: T) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.#untried = servers.connections;
    this.#first = this.#untried[0] as RegistryConnection;
  }

  start(): void {
    const { signal } = this.options;
    if (signal.aborted) {
      this.reject(signal.reason);
      return;
    }
    signal.addEventListener('abort', this.#onAbort);
    this.#send(this.#first);
  }

  readonly #onAbort = (): void => {
    const { reason } = this.options.signal as { readonly reason: unknown };
    this.#finish(() => reason);
    this.reject(reason);
  };

  #send(connection: RegistryConnection | undefined): void {
    this.#timer?.cancel();
    if (connection === undefined) return;
    this.#untried = this.#untried.filter((each) => each !== connection);
    this.#pending++;
    this.#scheduleHedge();
    connection
      .request(this.request, this.#controller.signal)
      .then((response) => ({
        value: this.options.parse(response, connection),
        isStale: isStaleResponse(response),
      }))
      .then(
        ({ value, isStale }) => {
          this.#pending--;
          if (this.#isSettled) return;
          this.#settleWith(connection);
          const { hedged, parse } = this.options;
          if (hedged === true) this.servers.checkBetter(this.request, parse, isStale);
          this.resolve(value);
        },
        (error: unknown) => this.#failed(connection, error),
      );
  }

  #scheduleHedge(): void {
    const { hedged } = this.options;
    if (hedged === false || this.#untried.length === 0) return;
    this.#timer = this.clock.setTimer(
      () => (hedged === true ? this.#send(this.#untried[0]) : this.#findResponsive(hedged)),
      hedgeDelayMs,
    );
    this.#timer.setRef(false);
  }

  #findResponsive(read: RegistryRequest): void {
    const { signal } = this.#controller;
    this.servers
      .request(read, { signal, hedged: true, parse: (_response, connection) => connection })
      .then((responsive) => {
        if (this.#isSettled) return;
        if (this.#untried.includes(responsive)) this.#send(responsive);
        else this.#scheduleHedge();
      })
      // No server responds, so the request will fail too.
      .catch(() => undefined);
  }

  #settleWith(connection: RegistryConnection): void {
    if (connection !== this.#first) this.servers.leave(this.#first, connection);
    this.#finish(() => new Error('Another server has responded'));
  }

  #failed(connection: RegistryConnection, error: unknown): void {
    this.#pending--;
    if (this.#isSettled) return;
    if (!isUnavailable(error)) {
      this.#settleWith(connection);
      this.reject(error);
      return;
    }
    this.#errors.push(error);
    if (this.#untried.length > 0) this.#send(this.#untried[0]);
    else if (this.#pending === 0) {
      this.#finish(() => error);
      this.reject(combineErrors(this.#errors));
    }
  }

  /** Aborts the pending requests to all servers. */
  #finish(createReason: () => unknown): void {
    this.#isSettled = true;
    this.#timer?.cancel();
    this.options.signal.removeEventListener('abort', this.#onAbort);
    if (this.#pending > 0) this.#controller.abort(createReason());
  }
}
