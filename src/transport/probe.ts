import type { Socket } from 'node:net';
import type { Client } from 'undici';
import type { Clock } from '../core/clock.js';
import { defaultProbe, type ProbeRequest, type RequestHandler } from '../core/transport.js';
import { callHeaders, probeUserAgent } from '../protocol/call-headers.js';
import { createConnector } from './connector.js';
import type { DialTarget, EndpointDialer } from './endpoint-dialer.js';
import { originOf } from './shared-pools.js';
import { undici } from './load-undici.js';

/** Each probe uses a new connection, and does not keep the process alive. */
export class ProbeClient {
  readonly #clock: Clock;
  readonly #dialer: EndpointDialer;
  readonly #pending = new Set<(error: Error) => void>();

  constructor(clock: Clock, dialer: EndpointDialer) {
    this.#clock = clock;
    this.#dialer = dialer;
  }

  /**
   * Resolves with the first byte of any response, even an error or invalid response. Rejects when the connection
   * fails, no response arrives within `timeoutMs`, or {@link abortAll} is called.
   */
  probe(target: DialTarget, timeoutMs: number, { method, path }: ProbeRequest = defaultProbe): Promise<void> {
    const { address, authority } = target;
    return new Promise((resolve, reject) => {
      let connecting: Socket | undefined;
      const client: Client = new (undici().Client)(originOf(address, authority), {
        connect: createConnector(this.#dialer.dial(target, timeoutMs), {
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
      // A service may handle the probe as a call. These headers let the service stop after the timeout and make no
      // retries.
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
