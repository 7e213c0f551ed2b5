import type { Client } from 'undici';
import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import type { TransportOptions, RequestHandler } from '../core/transport.js';
import { createConnector } from './connector.js';
import { undici } from './load-undici.js';

const headers = { 'user-agent': 'binding-clerk (probe)' };

/**
 * Sends health probes. Each probe opens a connection, which closes when the response arrives. Probes do not keep the
 * process alive.
 */
export class ProbeClient {
  readonly #clock: Clock;
  readonly #options: TransportOptions;
  readonly #pending = new Set<(error: Error) => void>();

  constructor(clock: Clock, options: TransportOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /**
   * Sends `OPTIONS /`. Resolves when a response arrives that is not a server failure (5xx except 501). Rejects on a
   * server failure, when no connection succeeds, when no response arrives within `timeoutMs`, and after {@link
   * abortAll}.
   */
  probe(address: Address, origin: string, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const client: Client = new (undici().Client)(origin, {
        connect: createConnector(
          address,
          this.#options,
          (socket) => socket?.unref(),
          () => undefined,
        ),
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const settle = (error?: Error): void => {
        timer.cancel();
        this.#pending.delete(settle);
        if (error) reject(error);
        else resolve();
        void client.destroy();
      };
      const timer = this.#clock.setTimer(() => {
        settle(
          new Error(`No response from ${address.text} to a probe within ${String(Math.round(timeoutMs))} ms`),
        );
      }, timeoutMs);
      timer.setRef(false);
      this.#pending.add(settle);
      const handler: RequestHandler = {
        onConnect: () => undefined,
        onHeaders: (statusCode) => {
          if (statusCode >= 200)
            settle(
              statusCode >= 500 && statusCode !== 501
                ? new Error(`${address.text} responded to a probe with status ${String(statusCode)}`)
                : undefined,
            );
          return true;
        },
        onData: () => true,
        onComplete: () => undefined,
        onUpgrade: () => undefined,
        onError: settle,
      };
      // The HTTP request for a ping is `OPTIONS *`. Many servers build a URL from the request target and crash on
      // '*'.
      client.dispatch({ path: '/', method: 'OPTIONS', headers }, handler);
    });
  }

  /** Fails all pending probes with `error` and closes their connections. */
  abortAll(error: Error): void {
    for (const end of this.#pending) end(error);
  }
}
