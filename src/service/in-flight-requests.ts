import { isHttp2, type ServerLike } from './server-addresses.js';

/** A response of HTTP/1.1 or HTTP/2, or an HTTP/2 stream. */
interface ClosingResponse {
  once(event: 'close', listener: () => void): unknown;
  readonly statusCode?: number;
  readonly sentHeaders?: { readonly ':status'?: number };
}

/** Counts the requests at a server. At a server with HTTP/2, only HTTP/2 requests are counted. */
export class InFlightRequests {
  /** Ended requests. */
  finished = 0;
  /** Ended requests with a server failure (5xx except 501). */
  failed = 0;
  #count = 0;
  #onIdle: (() => void)[] = [];

  /** @param server - with undefined, nothing is counted */
  constructor(server: ServerLike | undefined) {
    if (server === undefined) return;
    // A server with HTTP/2 emits 'request' only if the program listens for 'request'.
    if (isHttp2(server)) server.on('stream', (stream) => this.#track(stream as ClosingResponse));
    else server.on('request', (_request, response) => this.#track(response as ClosingResponse));
  }

  /** Resolves when no request is in flight. */
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
