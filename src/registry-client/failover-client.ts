/**
 * Several servers as one. The one that answered last is asked first; one that refuses is passed over at once, and one
 * that hangs does not keep a reader waiting for long. An answer is always one server's whole answer. A refusal that a
 * server gave reasons for is an answer; silence, nonsense and a server that says it cannot serve are not.
 *
 * @see design: Availability of the registry
 */
import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { RegistryConnection, RegistryResponse, RegistryRequest } from './connection.js';

/** A server that has not answered a reader for so long is not waited for alone, in ms. */
const hedgeDelayMs = 500;

/** How a question is asked. */
export interface FailoverOptions<T> {
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal;
  /** Whether another server is asked too when one takes long: right for what changes nothing. */
  readonly hedged: boolean;
  /** What the answer means; throws `REGISTRY_INVALID` if it is none, which has the next server asked. */
  readonly parse: (reply: RegistryResponse, peer: RegistryConnection) => T;
}

/** See the file's header. */
export class FailoverClient {
  readonly #connections: readonly RegistryConnection[];
  readonly #clock: Clock;
  #preferred = 0;

  /** @param connections - at least one, in order of preference */
  constructor(connections: readonly RegistryConnection[], clock: Clock) {
    this.#connections = connections;
    this.#clock = clock;
  }

  /** All of them, the one that answered last in front. */
  get connections(): readonly RegistryConnection[] {
    return [...this.#connections.slice(this.#preferred), ...this.#connections.slice(0, this.#preferred)];
  }

  /** A server has answered: it is asked first from now on. */
  prefer(connection: RegistryConnection): void {
    this.#preferred = Math.max(0, this.#connections.indexOf(connection));
  }

  /**
   * Asks one after the other until one answers.
   *
   * @returns what `read` made of the answer
   * @throws a `ClerkError`: the refusal of the server that answered, or `REGISTRY_UNREACHABLE`, `REGISTRY_INVALID` when none did
   */
  request<T>(request: RegistryRequest, options: FailoverOptions<T>): Promise<T> {
    return new Promise((resolve, reject) =>
      new FailoverRequest(this, request, options, this.#clock, resolve, reject).start(),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((peer) => peer.close()));
  }
}

/** One question on its way through the servers. */
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
      .then((reply) => this.options.parse(reply, connection))
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
    this.#finish(new Error('Another server has answered'));
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

/** Whether another server may know better. */
export function isUnavailable(error: unknown): boolean {
  return (
    !isClerkError(error) ||
    error.code === 'REGISTRY_UNREACHABLE' ||
    error.code === 'REGISTRY_INVALID' ||
    error.code === 'CLERK_CLOSED'
  );
}

/** One error for all that went wrong. */
function combineErrors(errors: readonly unknown[]): ClerkError {
  const [first] = errors;
  if (errors.length === 1 && isClerkError(first) && first.code !== 'CLERK_CLOSED') return first;
  // Of a server that closes, only that it cannot be asked matters here.
  const isInvalid = errors.every((error) => isClerkError(error) && error.code === 'REGISTRY_INVALID');
  return new ClerkError(
    isInvalid ? 'REGISTRY_INVALID' : 'REGISTRY_UNREACHABLE',
    errors.length === 1
      ? errorMessage(first)
      : `None of ${String(errors.length)} registry servers answered: ${errors.map(errorMessage).join('; ')}`,
    { cause: errors.length === 1 ? first : new AggregateError(errors, 'All servers failed') },
  );
}
