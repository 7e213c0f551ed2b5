import { probeUserAgent } from '../protocol/call-headers.js';
import { observeEmit } from './emit-observer.js';
import { addRequestListener } from './request-listener.js';
import { isHttp2, type ServerLike } from './server-addresses.js';

type Headers = Readonly<Record<string, unknown>>;

interface Incoming {
  readonly httpVersionMajor?: number;
  readonly headers?: Headers;
}

/** A response of HTTP/1.1 or HTTP/2, an HTTP/2 stream, or the socket of an upgraded connection. */
interface ClosingResponse {
  once(event: 'close', listener: () => void): unknown;
  readonly statusCode?: number;
  readonly writableFinished?: boolean;
  readonly sentHeaders?: { readonly ':status'?: number };
}

/**
 * Counts the requests that a server handles. An upgraded connection, such as a WebSocket, counts as one request.
 * Health probes do not count.
 */
export class InFlightRequests {
  finished = 0;
  /** Ended requests with a server failure (5xx except 501). */
  failed = 0;
  #count = 0;
  #onIdle: (() => void)[] = [];
  readonly #seen = new WeakSet<ClosingResponse>();
  readonly #removers: (() => void)[];

  /**
   * @param server - undefined to count nothing
   * @param onCount - called after each change with the number of requests in flight, and whether a complete response
   *   caused the change
   */
  constructor(
    server: ServerLike | undefined,
    private readonly onCount?: (count: number, isServed: boolean) => void,
  ) {
    this.#removers = server === undefined ? [] : this.#listen(server);
  }

  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  close(): void {
    for (const remove of this.#removers.splice(0)) remove();
  }

  #listen(server: ServerLike): (() => void)[] {
    const removers = (['request', 'checkContinue', 'checkExpectation'] as const).map((event) =>
      addRequestListener(server, event, (request, response) => {
        // Ignores a request of HTTP/2, which the listener for 'stream' has counted.
        this.#trackHttp1(request as Incoming, response as ClosingResponse);
      }),
    );
    removers.push(
      observeEmit(server, (event, [request, socket]) => {
        if (event === 'upgrade' || event === 'connect')
          this.#trackHttp1(request as Incoming, socket as ClosingResponse);
      }),
    );
    if (!isHttp2(server)) return removers;
    const onStream = (stream: unknown, headers: unknown): void => {
      if (!isProbe(headers as Headers | undefined)) this.#track(stream as ClosingResponse);
    };
    server.on('stream', onStream);
    return [...removers, () => void server.off('stream', onStream)];
  }

  #trackHttp1({ httpVersionMajor, headers }: Incoming, response: ClosingResponse): void {
    if (httpVersionMajor !== 2 && !isProbe(headers)) this.#track(response);
  }

  #track(response: ClosingResponse): void {
    // A listener for 'checkContinue' usually emits 'request' for the same response, which must count once.
    if (this.#seen.has(response)) return;
    this.#seen.add(response);
    this.#count++;
    this.onCount?.(this.#count, false);
    response.once('close', () => {
      this.finished++;
      const status = response.statusCode ?? response.sentHeaders?.[':status'] ?? 0;
      if (status >= 500 && status !== 501) this.failed++;
      this.#count--;
      this.onCount?.(this.#count, response.writableFinished === true);
      if (this.#count > 0) return;
      for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }
}

function isProbe(headers: Headers | undefined): boolean {
  return headers?.['user-agent'] === probeUserAgent;
}
