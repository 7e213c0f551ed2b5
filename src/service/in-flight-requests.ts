import { addRequestListener } from './request-listener.js';
import { isHttp2, type ServerLike } from './server-addresses.js';

/** A response of HTTP/1.1 or HTTP/2, or an HTTP/2 stream. */
interface ClosingResponse {
  once(event: 'close', listener: () => void): unknown;
  readonly statusCode?: number;
  readonly sentHeaders?: { readonly ':status'?: number };
}

/**
 * Counts the requests that a server handles, over HTTP/1.1 and HTTP/2, with and without the header `Expect`. Each
 * request counts once.
 */
export class InFlightRequests {
  /** Number of ended requests. */
  finished = 0;
  /** Number of ended requests with a server failure (5xx except 501). */
  failed = 0;
  #count = 0;
  #onIdle: (() => void)[] = [];
  readonly #seen = new WeakSet<ClosingResponse>();
  readonly #removers: (() => void)[];

  /**
   * @param server - server whose requests are counted; undefined to count nothing
   * @param onCount - called with the number of requests in flight after each change
   */
  constructor(
    server: ServerLike | undefined,
    private readonly onCount?: (count: number) => void,
  ) {
    this.#removers = server === undefined ? [] : this.#listen(server);
  }

  /** Resolves when no request is in flight. */
  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Stops counting further requests. */
  close(): void {
    for (const remove of this.#removers.splice(0)) remove();
  }

  #listen(server: ServerLike): (() => void)[] {
    const removers = (['request', 'checkContinue', 'checkExpectation'] as const).map((event) =>
      addRequestListener(server, event, (request, response) => {
        // The 'stream' event has already counted an HTTP/2 request.
        if ((request as { readonly httpVersionMajor?: number }).httpVersionMajor !== 2)
          this.#track(response as ClosingResponse);
      }),
    );
    if (!isHttp2(server)) return removers;
    const onStream = (stream: unknown): void => this.#track(stream as ClosingResponse);
    server.on('stream', onStream);
    return [...removers, () => void server.off('stream', onStream)];
  }

  #track(response: ClosingResponse): void {
    // A listener for 'checkContinue' usually emits 'request' for the same response.
    if (this.#seen.has(response)) return;
    this.#seen.add(response);
    this.#count++;
    this.onCount?.(this.#count);
    response.once('close', () => {
      this.finished++;
      const status = response.statusCode ?? response.sentHeaders?.[':status'] ?? 0;
      if (status >= 500 && status !== 501) this.failed++;
      this.#count--;
      this.onCount?.(this.#count);
      if (this.#count > 0) return;
      for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }
}
