/**
 * Counts the requests that a server is working on, and those that it has finished or failed, from when it is first asked
 * to. Changes nothing about them.
 */
import { isHttp2, type ServerLike } from './server-addresses.js';

/** An answer of either protocol, or a stream of HTTP/2. */
interface ClosingResponse {
  once(event: 'close', listener: () => void): unknown;
  readonly statusCode?: number;
  readonly sentHeaders?: { readonly ':status'?: number };
}

/** See the file's header. */
export class InFlightRequests {
  /** Requests that are over. */
  finished = 0;
  /** Those of them that were answered with a failure of the service: 5xx other than 501. */
  failed = 0;
  #count = 0;
  #onIdle: (() => void)[] = [];

  /** @param server - of `node:http`, `node:https` or `node:http2`; undefined where there is none to count at */
  constructor(server: ServerLike | undefined) {
    if (server === undefined) return;
    // HTTP/2 servers tell of streams, whether or not they are handled as requests.
    if (isHttp2(server)) server.on('stream', (stream) => this.#track(stream as ClosingResponse));
    else server.on('request', (_request, response) => this.#track(response as ClosingResponse));
  }

  /** Resolves when there is none. */
  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #track(response: ClosingResponse): void {
    this.#count++;
    response.once('close', () => {
      this.finished++;
      const status = response.statusCode ?? response.sentHeaders?.[':status'] ?? 0;
      if (status >= 500 && status !== 501) this.failed++;
      if (--this.#count > 0) return;
      for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }
}
