import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { RegistryConnection, RegistryResponse, RegistryRequest } from './connection.js';

const hedgeDelayMs = 500;

export interface FailoverOptions<T> {
  readonly signal: AbortSignal;
  /**
   * Whether the request is also sent to the next server when no response has arrived within 500 ms. Must be false for
   * a change.
   */
  readonly hedged: boolean;
  readonly parse: (response: RegistryResponse, connection: RegistryConnection) => T;
}

/**
 * Client of several equivalent registry servers. Each request goes first to the server that responded last. The next
 * server is tried if a server does not respond, sends an invalid response, or is unavailable. Any other error is
 * thrown at once.
 */
export class FailoverClient {
  readonly #connections: readonly RegistryConnection[];
  readonly #clock: Clock;
  #preferred = 0;

  constructor(connections: readonly RegistryConnection[], clock: Clock) {
    this.#connections = connections;
    this.#clock = clock;
  }

  get connections(): readonly RegistryConnection[] {
    return [...this.#connections.slice(this.#preferred), ...this.#connections.slice(0, this.#preferred)];
  }

  prefer(connection: RegistryConnection): void {
    this.#preferred = Math.max(0, this.#connections.indexOf(connection));
  }

  /**
   * Sends a repeatable request to one server after the other until a server sends a valid response.
   *
   * @throws {@link ClerkError} the error in the response
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` or `REGISTRY_INVALID` when no server sent a valid response
   */
  request<T>(request: RegistryRequest, options: FailoverOptions<T>): Promise<T> {
    return new Promise((resolve, reject) =>
      new FailoverRequest(this, request, options, this.#clock, resolve, reject).start(),
    );
  }

  /**
   * Sends a change to one server after the other until a server may have received it.
   *
   * @throws {@link ClerkError} the error in the response
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` with `execution: 'unknown'` when the change was sent and no
   * response arrived
   */
  async requestChange<T>(
    request: RegistryRequest,
    { signal, parse }: Omit<FailoverOptions<T>, 'hedged'>,
  ): Promise<T> {
    const errors: unknown[] = [];
    for (const connection of this.connections) {
      let response: RegistryResponse;
      try {
        response = await connection.request({ ...request, isChange: true }, signal);
      } catch (error) {
        const wasNotSent =
          isClerkError(error) &&
          (error.code === 'REGISTRY_UNREACHABLE' || error.code === 'ENDPOINT_UNPROVEN') &&
          error.execution === 'none';
        if (signal.aborted || !wasNotSent) throw error;
        errors.push(error);
        continue;
      }
      this.prefer(connection);
      return parse(response, connection);
    }
    throw combineErrors(errors);
  }

  /**
   * Sends a request with `onLines` to one server after the other until a server sends lines.
   *
   * @param hasLines - whether `onLines` has received lines; then no further server is tried
   */
  async requestLines(
    request: RegistryRequest,
    {
      signal,
      hasLines,
      parse,
    }: Pick<FailoverOptions<void>, 'signal' | 'parse'> & { readonly hasLines: () => boolean },
  ): Promise<void> {
    const errors: unknown[] = [];
    for (const connection of this.connections) {
      try {
        parse(await connection.request(request, signal), connection);
        this.prefer(connection);
        return;
      } catch (error) {
        if (signal.aborted || hasLines() || !isUnavailable(error)) throw error;
        errors.push(error);
      }
    }
    throw combineErrors(errors);
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}

class FailoverRequest<T> {
  readonly #connections: readonly RegistryConnection[];
  readonly #controller = new AbortController();
  readonly #errors: unknown[] = [];
  #next = 0;
  #pending = 0;
  #isSettled = false;
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
    const { reason } = this.options.signal as { readonly reason: unknown };
    this.#finish(() => reason);
    this.reject(reason);
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
          this.#pending--;
          if (this.#isSettled) return;
          this.#settleWith(connection);
          this.resolve(value);
        },
        (error: unknown) => this.#failed(connection, error),
      );
  }

  #settleWith(connection: RegistryConnection): void {
    this.client.prefer(connection);
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
    if (this.#next < this.#connections.length) this.#tryNext();
    else if (this.#pending === 0) {
      this.#finish(() => error);
      this.reject(combineErrors(this.#errors));
    }
  }

  /** Aborts the requests that are still pending; mostly there is none. */
  #finish(createReason: () => unknown): void {
    this.#isSettled = true;
    this.#timer?.cancel();
    this.options.signal.removeEventListener('abort', this.#onAbort);
    if (this.#pending > 0) this.#controller.abort(createReason());
  }
}

export function isUnavailable(error: unknown): boolean {
  return (
    !isClerkError(error) ||
    error.code === 'REGISTRY_UNREACHABLE' ||
    error.code === 'REGISTRY_INVALID' ||
    error.code === 'ENDPOINT_UNPROVEN' ||
    error.code === 'CLERK_CLOSED'
  );
}

function combineErrors(errors: readonly unknown[]): ClerkError {
  const [first] = errors;
  if (errors.length === 1 && isClerkError(first) && first.code !== 'CLERK_CLOSED') return first;
  const commonCode = (['REGISTRY_INVALID', 'ENDPOINT_UNPROVEN'] as const).find((code) =>
    errors.every((error) => isClerkError(error) && error.code === code),
  );
  return new ClerkError(
    commonCode ?? 'REGISTRY_UNREACHABLE',
    errors.length === 1
      ? errorMessage(first)
      : `None of ${String(errors.length)} registry servers sent a valid response: ${errors.map(errorMessage).join('; ')}`,
    { cause: errors.length === 1 ? first : new AggregateError(errors, 'All servers failed') },
  );
}
