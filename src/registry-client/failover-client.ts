import type { Clock, Timer } from '../core/clock.js';
import { isClerkError } from '../core/errors.js';
import type { RegistryConnection, RegistryResponse, RegistryRequest } from './connection.js';
import { combineErrors, isUnavailable } from './connection-errors.js';
import { FailoverRequest, type FailoverOptions, type FailoverServers } from './failover-request.js';
import { LearnedServers, type ServerDiscovery } from './learned-servers.js';
import { serversLookup } from './parse-server-list.js';
import { ServerChecks } from './server-checks.js';

/**
 * Client of several equivalent registry servers. Each request goes first to the server that responded last. The next
 * server is tried if a server does not respond, sends an invalid response, or is unavailable. Any other error is
 * thrown at once. The first server is used again when it responds to a check.
 */
export class FailoverClient implements FailoverServers {
  readonly #clock: Clock;
  readonly #checks: ServerChecks;
  readonly #listeners = new Set<() => void>();
  readonly #learned: LearnedServers | undefined;
  readonly #moves: boolean;
  #connections: readonly RegistryConnection[];
  #preferred: RegistryConnection;
  #moveTimer: Timer | undefined;

  /**
   * @param connections - at least one, in the order of preference
   * @param discovery - how further servers are found; if undefined, only these connections are used
   */
  constructor(connections: readonly RegistryConnection[], clock: Clock, discovery?: ServerDiscovery) {
    this.#clock = clock;
    this.#checks = new ServerChecks(clock);
    this.#learned =
      discovery &&
      new LearnedServers({
        ...discovery,
        clock,
        configured: connections,
        onChanged: () => this.#onLearned(),
      });
    this.#moves = discovery?.moves !== false;
    this.#connections = this.#learned?.connections ?? connections;
    this.#preferred = this.#connections[0] as RegistryConnection;
  }

  get connections(): readonly RegistryConnection[] {
    const index = this.#connections.indexOf(this.#preferred);
    return [...this.#connections.slice(index), ...this.#connections.slice(0, index)];
  }

  prefer(connection: RegistryConnection): void {
    const [first] = this.#connections;
    if (connection === this.#preferred || !this.#connections.includes(connection)) return;
    if (this.#preferred === first) this.#checks.onLeft();
    this.#preferred = connection;
    if (connection === first) this.#checks.onReturned();
    for (const listener of [...this.#listeners]) listener();
  }

  leave(from: RegistryConnection, to: RegistryConnection): void {
    if (this.#preferred === from) this.prefer(to);
  }

  /** Leaves a server at once that is no longer listed. Checks a nearer server after a delay before it moves there. */
  #onLearned(): void {
    const { connections } = this;
    const next = this.#learned?.connections ?? [];
    const successor = connections.find((each) => next.includes(each)) ?? next[0];
    this.#connections = next;
    if (successor !== undefined && successor !== this.#preferred) {
      this.#preferred = successor;
      for (const listener of [...this.#listeners]) listener();
    }
    if (!this.#moves || this.#preferred === next[0] || this.#moveTimer !== undefined) return;
    // A program that only watches sends no lookup after which the nearer server is checked. A timer starts the check.
    this.#moveTimer = this.#clock.setTimer(() => {
      this.#moveTimer = undefined;
      this.checkBetter(serversLookup, () => undefined, false);
    }, this.#checks.onLeft());
    this.#moveTimer.setRef(false);
  }

  /** Calls `listener` when another server is preferred. */
  onPreferred(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Checks in the background whether a better server responds to a read. If the present server sends stale responses,
   * any other server is better; otherwise only the first server is better.
   */
  checkBetter<T>(request: RegistryRequest, parse: FailoverOptions<T>['parse'], isStale: boolean): void {
    const [present, ...others] = this.connections;
    const [first] = this.#connections;
    const better = isStale ? others : first === present || first === undefined ? [] : [first];
    if (present === undefined || better.length === 0) return;
    this.#checks.run(better, request, parse, {
      isStale,
      onBetter: (connection) => this.leave(present, connection),
    });
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
   * @param hasLines - whether `onLines` has received lines; if so, no further server is tried
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
    this.#checks.close();
    this.#moveTimer?.cancel();
    if (this.#learned !== undefined) await this.#learned.close();
    else await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}
