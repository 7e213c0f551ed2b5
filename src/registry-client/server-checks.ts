import { backoffBoundMs, equalJitterMs } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import type { RegistryConnection, RegistryRequest, RegistryResponse } from './connection.js';
import { isUnavailable } from './connection-errors.js';

const timeoutMs = 1_000;
/** Delays until the first server is checked again. The second half of each delay is random. */
const backoff = { firstMs: 10_000, maxMs: 120_000 };
/**
 * Delay until the next check while the present server sends stale responses. The second half of the delay is random.
 */
const staleDelayMs = 4_000;
/** After this time without a failure of the first server, the delays start again at 10,000 ms. */
const recoveredAfterMs = 60_000;

/** Finds out whether a server that is not in use responds again. */
export class ServerChecks {
  readonly #clock: Clock;
  #failures = 0;
  #nextAt = -Infinity;
  #returnedAt = -Infinity;
  #controller: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Called when the first server is not in use any more. Returns the time until it may be checked, in ms. */
  onLeft(): number {
    if (this.#clock.now() - this.#returnedAt > recoveredAfterMs) this.#failures = 0;
    return this.#delay(backoffBoundMs(backoff, ++this.#failures));
  }

  onReturned(): void {
    this.#returnedAt = this.#clock.now();
  }

  /**
   * Sends a read to one server after the other, but does nothing before the delay since the last check has ended.
   * Calls `onBetter` with the first server whose response is not stale.
   */
  run(
    connections: readonly RegistryConnection[],
    request: RegistryRequest,
    parse: (response: RegistryResponse, connection: RegistryConnection) => unknown,
    { isStale, onBetter }: { isStale: boolean; onBetter: (connection: RegistryConnection) => void },
  ): void {
    if (this.#clock.now() < this.#nextAt || this.#controller !== undefined) return;
    this.#delay(isStale ? staleDelayMs : backoffBoundMs(backoff, ++this.#failures));
    void this.#findBetter(connections, request, parse).then((found) => found && onBetter(found));
  }

  close(): void {
    this.#nextAt = Infinity;
    this.#controller?.abort(new Error('The connections are closed'));
  }

  #delay(boundMs: number): number {
    const ms = equalJitterMs(boundMs, this.#clock.random());
    this.#nextAt = this.#clock.now() + ms;
    return ms;
  }

  /** Never rejects. */
  async #findBetter(
    connections: readonly RegistryConnection[],
    request: RegistryRequest,
    parse: (response: RegistryResponse, connection: RegistryConnection) => unknown,
  ): Promise<RegistryConnection | undefined> {
    for (const connection of connections) {
      const controller = (this.#controller = new AbortController());
      const timer = this.#clock.setTimer(
        () => controller.abort(new Error('The server did not respond to a check in time')),
        timeoutMs,
      );
      timer.setRef(false);
      try {
        const response = await connection.request(request, controller.signal);
        parse(response, connection);
        if (!isStaleResponse(response)) return connection;
      } catch (error) {
        // Any other error shows that the server has responded.
        if (!isUnavailable(error)) return connection;
      } finally {
        timer.cancel();
        this.#controller = undefined;
      }
    }
    return undefined;
  }
}

/** Whether the server could not verify that its response is still true. */
export function isStaleResponse({ body }: RegistryResponse): boolean {
  return (body as { readonly stale?: unknown } | undefined)?.stale === true;
}
