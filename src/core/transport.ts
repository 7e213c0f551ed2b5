import type { Address } from './address.js';
import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';

/** Any body that undici accepts. */
export type RequestBody = unknown;

/** One request in the form of undici's dispatch options. A transport must not modify it. */
export interface TransportRequest {
  /** Path within the endpoint, beginning with `/` (or `*`, with OPTIONS). */
  readonly path: string;
  /** Upper case. */
  readonly method: string;
  /** Any headers that undici accepts. */
  readonly headers?: unknown;
  /** Any body that undici accepts. */
  readonly body?: RequestBody;
}

/**
 * Callbacks for one request, in undici's form, so that nothing is converted on the warm path. Order: `onConnect`, any number
 * of informational `onHeaders`, one final `onHeaders`, any number of `onData`, then `onComplete`. Instead of any of them,
 * `onError` may be called as the last one. `onError` without a preceding `onConnect` means that nothing was written to a
 * connection.
 */
export interface RequestHandler {
  /** Whether `onError` was called. Optional; lets a transport detect a rejected request without wrapping the handler. */
  readonly hasFailed?: boolean;
  /**
   * A queued request is about to be sent. Returns the request to send, with an updated `clerk-timeout-ms`.
   */
  onDequeue?(request: TransportRequest): TransportRequest;
  /**
   * The request is about to be written to an established, authenticated connection: from now on it may be executed. If
   * this throws, nothing is written, the connection stays usable, and `onError` follows.
   */
  onConnect(abort: (reason?: Error) => void, context?: unknown): void;
  /** Head of a response; false pauses the body until `resume` is called. */
  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean;
  /** A chunk of the body; false pauses. */
  onData(chunk: Buffer): boolean;
  /** The response is complete. */
  onComplete(trailers: string[] | null): void;
  /** The request failed. The transport does not retry it. */
  onError(error: Error): void;
  /** The caller owns the connection from now on. */
  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void;
  /** The first byte of a response was received. */
  onResponseStarted?(): void;
  /** A chunk of the request body was written. */
  onBodySent?(chunkSize: number, totalBytesSent: number): void;
  /** The request was written completely. */
  onRequestSent?(): void;
}

/** Connections to one endpoint, opened on first use. */
export interface Channel {
  /** The address in use. */
  readonly address: Address;
  /**
   * Sends one request. Never throws: errors are passed to `handler.onError`, possibly synchronously.
   *
   * @param freshOnly - use only a connection that is new or was idle for less than a second
   * @see [C3.3](../../docs/guarantees.md#c3-3)
   */
  dispatch(request: TransportRequest, handler: RequestHandler, freshOnly: boolean): void;
  /**
   * Removes a request that was cancelled before its `onConnect` from the queue. Its handler is not called again, and its
   * body is released. Without this method the request stays queued until its `onConnect` throws.
   */
  cancelQueued?(handler: RequestHandler): void;
  /** Establishes a connection without sending a request; rejects when that fails. */
  connect(): Promise<void>;
  /**
   * Probes the endpoint on a separate connection. Resolves when it responds; rejects when it does not within `timeoutMs`
   * or cannot be reached. Never keeps the process alive.
   */
  probe(timeoutMs: number): Promise<void>;
  /**
   * Whether an error proves that the server did not process the request although it was sent: HTTP/2's REFUSED_STREAM.
   * Without this method, no error proves that.
   *
   * @see [C3.4](../../docs/guarantees.md#c3-4)
   */
  wasNotProcessed?(error: Error): boolean;
  /**
   * Closes idle connections now and the others after their requests. Later requests use new connections. Called when the
   * endpoint did not respond, since its connections may be half-open.
   */
  resetConnections(): void;
  /**
   * Switches to the next usable address of the endpoint.
   *
   * @param from - the address that failed; no effect when another request has already switched from it
   * @returns false when all addresses have failed since the last success; the first one is in use again then
   */
  nextAddress(from: Address): boolean;
  /** Lets requests in flight finish, then closes; resolves when closed. */
  close(): Promise<void>;
  /** Aborts all requests and closes. */
  destroy(error: Error): Promise<void>;
}

/** Settings of a clerk that its transport needs. */
export interface TransportOptions {
  /** Connections per endpoint, ≥ 1. */
  readonly connections: number;
  /** Certificates for TLS. */
  readonly tls: TlsOptions;
  /** Options passed on to undici's pools. */
  readonly undici: Readonly<Record<string, unknown>>;
}

/** Certificates for TLS, in PEM. */
export interface TlsOptions {
  /** Trusted certificate authorities. Default: the ones that Node trusts. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Client certificate. */
  readonly cert?: string | Buffer;
  /** Private key of the client certificate. */
  readonly key?: string | Buffer;
}

/** Carries requests to endpoints, for one clerk. */
export interface Transport {
  /**
   * Makes the channel of one endpoint, without connecting.
   *
   * @param endpoint - the endpoint to reach
   * @param addresses - its addresses that this clerk can use, best first; at least one
   * @param authority - the logical host for the `Host` header, e.g. `orders.shop.clerk`
   */
  open(endpoint: Endpoint, addresses: readonly Address[], authority: string): Channel;
}

/** Makes a transport for one clerk. */
export type TransportFactory = (options: TransportOptions, clock: Clock) => Transport;
