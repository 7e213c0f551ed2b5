import type { Socket } from 'node:net';
import type { Client } from 'undici';
import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import {
  defaultProbe,
  type ProbeRequest,
  type RequestHandler,
  type TransportOptions,
} from '../core/transport.js';
import { callHeaders, probeUserAgent } from '../protocol/call-headers.js';
import { createConnector, createDial } from './connector.js';
import { checkedDial, type ExpectedInstance } from './instance-check.js';
import { undici } from './load-undici.js';

export interface ProbeTarget {
  readonly address: Address;
  readonly origin: string;
  /** Undefined if any program may answer. */
  readonly expected: ExpectedInstance | undefined;
}

/** Each probe uses a new connection, and does not keep the process alive. */
export class ProbeClient {
  readonly #clock: Clock;
  readonly #options: TransportOptions;
  readonly #pending = new Set<(error: Error) => void>();

  constructor(clock: Clock, options: TransportOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /**
   * Resolves with the first byte of any response, even an error or invalid response. Rejects when the connection
   * fails, no response arrives within `timeoutMs`, or {@link abortAll} is called.
   */
  probe(
    { address, origin, expected }: ProbeTarget,
    timeoutMs: number,
    { method, path }: ProbeRequest = defaultProbe,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let connecting: Socket | undefined;
      const dial = createDial(address, this.#options, timeoutMs);
      const client: Client = new (undici().Client)(origin, {
        connect: createConnector(expected ? checkedDial(dial, expected) : dial, {
          onDial: (socket) => (connecting = socket?.unref()),
          onConnected: () => (connecting = undefined),
        }),
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const settle = (error?: Error): void => {
        timer.cancel();
        this.#pending.delete(settle);
        if (error) reject(error);
        else resolve();
        void client.destroy();
        // undici does not destroy a socket that is still connecting.
        connecting?.destroy();
      };
      const timer = this.#clock.setTimer(() => {
        settle(
          new Error(`${address.text} did not respond to a probe within ${String(Math.round(timeoutMs))} ms`),
        );
      }, timeoutMs);
      timer.setRef(false);
      this.#pending.add(settle);
      const handler: RequestHandler = {
        onConnect: () => undefined,
        onResponseStarted: settle,
        onHeaders: () => true,
        onData: () => true,
        onComplete: () => undefined,
        onUpgrade: () => undefined,
        onError: settle,
      };
      // A service that handles the probe as a call must stop after the timeout and make no retries.
      const headers = {
        'user-agent': probeUserAgent,
        [callHeaders.timeoutMs]: String(Math.max(1, Math.floor(timeoutMs))),
        [callHeaders.attemptCount]: '2',
      };
      client.dispatch({ path, method, headers }, handler);
    });
  }

  abortAll(error: Error): void {
    for (const end of this.#pending) end(error);
  }
}
