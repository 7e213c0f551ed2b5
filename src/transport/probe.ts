/** One question for a sign of life, on a connection of its own that keeps no process alive and ends with the answer. */
import type { Client } from 'undici';
import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import type { TransportOptions, RequestHandler } from '../core/transport.js';
import { createConnector } from './connector.js';
import { undici } from './load-undici.js';

const headers = { 'user-agent': 'binding-clerk (probe)' };

/** Questions that are out. */
export class ProbeClient {
  readonly #clock: Clock;
  readonly #options: TransportOptions;
  readonly #pending = new Set<(error: Error) => void>();

  constructor(clock: Clock, options: TransportOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /**
   * Asks `OPTIONS /`. Resolves with any answer but a failure (5xx other than 501); rejects with that, when there is
   * none within `limitMs`, when there is no connection, and when all questions end.
   */
  probe(address: Address, origin: string, limitMs: number): Promise<void> {
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
        settle(new Error(`No sign of life of ${address.text} within ${String(Math.round(limitMs))} ms`));
      }, limitMs);
      timer.setRef(false);
      this.#pending.add(settle);
      const handler: RequestHandler = {
        onConnect: () => undefined,
        onHeaders: (statusCode) => {
          if (statusCode >= 200)
            settle(
              statusCode >= 500 && statusCode !== 501
                ? new Error(`${address.text} answers ${String(statusCode)}`)
                : undefined,
            );
          return true;
        },
        onData: () => true,
        onComplete: () => undefined,
        onUpgrade: () => undefined,
        onError: settle,
      };
      // HTTP's own ping would be `OPTIONS *`, but many a server builds a URL of what it is asked for and dies of that.
      client.dispatch({ path: '/', method: 'OPTIONS', headers }, handler);
    });
  }

  /** Ends all that are out with an error; their connections are closed at once. */
  abortAll(error: Error): void {
    for (const end of this.#pending) end(error);
  }
}
