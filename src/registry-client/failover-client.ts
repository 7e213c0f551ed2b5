import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { RegistryConnection, RegistryResponse, RegistryRequest } from './connection.js';

/** With `hedged`, the next server is tried as well when there is no response after this time, in ms. */
const hedgeDelayMs = 500;

/** Options of {@link FailoverClient.request}. */
export interface FailoverOptions<T> {
  /** Aborts the request. */
  readonly signal: AbortSignal;
  /** Whether a slow request is also sent to the next server. Only for requests that change nothing. */
  readonly hedged: boolean;
  /** Parses the response. Throws `REGISTRY_INVALID` when it is invalid; the next server is tried then. */
  readonly parse: (response: RegistryResponse, connection: RegistryConnection) => T;
}

/**
 * Sends requests to several registry servers as if they were one. The server that responded last is tried first. A server
 * that refuses connections is skipped at once, and one that does not respond delays reads only briefly. A response always
 * comes from one server. An error response with a reason is a response. No response, an invalid response, and a server that
 * reports itself unavailable cause failover.
 */
export class FailoverClient {
  readonly #connections: readonly RegistryConnection[];
  readonly #clock: Clock;
  #preferred = 0;

  /** @param connections - at least one, in order of preference */
  constructor(connections: readonly RegistryConnection[], clock: Clock) {
    this.#connections = connections;
    this.#clock = clock;
  }

  /** All servers, the one that responded last first. */
  get connections(): readonly RegistryConnection[] {
    return [...this.#connections.slice(this.#preferred), ...this.#connections.slice(0, this.#preferred)];
  }

  /** Tries this server first from now on. */
  prefer(connection: RegistryConnection): void {
    this.#preferred = Math.max(0, this.#connections.indexOf(connection));
  }

  /**
   * Tries one server after the other until one responds.
   *
   * @returns the result of `parse`
   * @throws {@link ClerkError} the error of the server that responded; `REGISTRY_UNREACHABLE` or `REGISTRY_INVALID` when
   * none did.
   */
  request<T>(request: RegistryRequest, options: FailoverOptions<T>): Promise<T> {
    return new Promise((resolve, reject) =>
      new FailoverRequest(this, request, options, this.#clock, resolve, reject).start(),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}

/** One request on its way through the servers. */
class FailoverRequest<T> {
  readonly #connections: readonly RegistryConnection[];
  readonly #controller = new AbortController();
  readonly #errors: unknown[] = [];
  #next = 0;
  #pending = 0;
  #timer: Timer | undefined;

  constructor(
    readonly client: FailoverClient,
    readonly request: RegistryRequest,
    readonly options: FailoverOptions<T>,
    readonly clock: Clock,
    readonly resolve: (value: T) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.#connections = client.connections;
  }

  start(): void {
    const { signal } = this.options;
    if (signal.aborted) {
      this.reject(signal.reason);
      return;
    }
    signal.addEventListener('abort', this.#onAbort);
    this.#tryNext();
  }

  readonly #onAbort = (): void => {
    this.#finish(this.options.signal.reason);
    this.reject(this.options.signal.reason);
  };

  #tryNext(): void {
    this.#timer?.cancel();
    const connection = this.#connections[this.#next++];
    if (connection === undefined) return;
    this.#pending++;
    if (this.options.hedged && this.#next < this.#connections.length) {
      this.#timer = this.clock.setTimer(() => this.#tryNext(), hedgeDelayMs);
      this.#timer.setRef(false);
    }
    connection
      .request(this.request, this.#controller.signal)
      .then((response) => this.options.parse(response, connection))
      .then(
        (value) => {
          if (this.#controller.signal.aborted) return;
          this.#settleWith(connection);
          this.resolve(value);
        },
        (error: unknown) => this.#failed(connection, error),
      );
  }

  #settleWith(connection: RegistryConnection): void {
    this.client.prefer(connection);
    this.#finish(new Error('Another server has responded'));
  }

  #failed(connection: RegistryConnection, error: unknown): void {
    this.#pending--;
    if (this.#controller.signal.aborted) return;
    if (!isUnavailable(error)) {
      this.#settleWith(connection);
      this.reject(error);
      return;
    }
    this.#errors.push(error);
    if (this.#next < this.#connections.length) this.#tryNext();
    else if (this.#pending === 0) {
      this.#finish(error);
      this.reject(combineErrors(this.#errors));
    }
  }

  #finish(reason: unknown): void {
    this.#timer?.cancel();
    this.options.signal.removeEventListener('abort', this.#onAbort);
    this.#controller.abort(reason);
  }
}

/** Whether another server should be tried after this error. */
export function isUnavailable(error: unknown): boolean {
  return (
    !isClerkError(error) ||
    error.code === 'REGISTRY_UNREACHABLE' ||
    error.code === 'REGISTRY_INVALID' ||
    error.code === 'CLERK_CLOSED'
  );
}

function combineErrors(errors: readonly unknown[]): ClerkError {
  const [first] = errors;
  if (errors.length === 1 && isClerkError(first) && first.code !== 'CLERK_CLOSED') return first;
  // A server that is closing counts as unreachable.
  const isInvalid = errors.every((error) => isClerkError(error) && error.code === 'REGISTRY_INVALID');
  return new ClerkError(
    isInvalid ? 'REGISTRY_INVALID' : 'REGISTRY_UNREACHABLE',
    errors.length === 1
      ? errorMessage(first)
      : `None of ${String(errors.length)} registry servers responded: ${errors.map(errorMessage).join('; ')}`,
    { cause: errors.length === 1 ? first : new AggregateError(errors, 'All servers failed') },
  );
}
