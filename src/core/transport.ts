import type { Address } from './address.js';
import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';

/** Any request body that undici accepts. */
export type RequestBody = unknown;

/** One request in the form of undici's dispatch options. A transport must not modify the request. */
export interface TransportRequest {
  /** Path and query of the request, beginning with `/`; `*` is allowed with OPTIONS. */
  readonly path: string;
  /** HTTP method, in upper case. */
  readonly method: string;
  /** Any headers that undici accepts. */
  readonly headers?: unknown;
  /** Any request body that undici accepts. */
  readonly body?: RequestBody;
}

/**
 * Callbacks for one request, with the signatures of undici, so that no request needs a conversion. Order: `onConnect`,
 * any number of `onHeaders` with a 1xx status, one final `onHeaders`, any number of `onData`, then `onComplete`. At any
 * point `onError` may end the sequence instead. `onError` without a preceding `onConnect` means that no byte of the
 * request was written.
 */
export interface RequestHandler {
  /**
   * Whether `onError` was called. Optional; a transport reads this property to detect a rejected request without
   * wrapping the handler.
   */
  readonly hasFailed?: boolean;
  /**
   * Called when a queued request is about to be sent. Returns the request to send, with an updated `clerk-timeout-ms`
   * header.
   */
  onDequeue?(request: TransportRequest): TransportRequest;
  /**
   * Called when the request is about to be written to an established connection, after the TLS handshake. From now on
   * the request may be executed. If `onConnect` throws, nothing is written, the connection stays usable, and `onError`
   * follows.
   */
  onConnect(abort: (reason?: Error) => void, context?: unknown): void;
  /** Called with the head of a response. Returning false pauses the body until `resume` is called. */
  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean;
  /** Called with a chunk of the response body. Returning false pauses the body until `resume` is called. */
  onData(chunk: Buffer): boolean;
  /** Called when the response is complete. */
  onComplete(trailers: string[] | null): void;
  /** Called when the request failed. The transport does not retry the request. */
  onError(error: Error): void;
  /** Called when the protocol was upgraded. The caller owns the socket from now on. */
  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void;
  /** Called when the first byte of a response was received. */
  onResponseStarted?(): void;
  /** Called when a chunk of the request body was written. */
  onBodySent?(chunkSize: number, totalBytesSent: number): void;
  /** Called when the request was written completely. */
  onRequestSent?(): void;
}

/** The connections to one endpoint, opened on first use. */
export interface Channel {
  /** The address that new requests use. */
  readonly address: Address;
  /**
   * Sends one request. `dispatch` never throws: errors are passed to `handler.onError`, possibly synchronously.
   *
   * @param freshOnly - true: use a new connection or a connection that was idle for less than a second, since the
   * server may be closing a connection with a longer idle time; false: use any connection
   * @see [C3.3](../../docs/guarantees.md#c3-3)
   */
  dispatch(request: TransportRequest, handler: RequestHandler, freshOnly: boolean): void;
  /**
   * Removes a queued request that was cancelled before `onConnect`. The handler is not called again, and the request
   * body is released. Without this method, a cancelled request stays queued until its `onConnect` throws.
   */
  cancelQueued?(handler: RequestHandler): void;
  /** Establishes a connection without sending a request; rejects when the connection fails. */
  connect(): Promise<void>;
  /**
   * Probes the endpoint on a separate connection. Resolves when the endpoint responds. Rejects when the endpoint cannot
   * be reached, or does not respond within `timeoutMs`. A probe never keeps the process alive.
   */
  probe(timeoutMs: number): Promise<void>;
  /**
   * Whether an error proves that the server did not process a request that was sent, such as HTTP/2's REFUSED_STREAM.
   * Without this method, every request that was sent counts as possibly processed.
   *
   * @see [C3.4](../../docs/guarantees.md#c3-4)
   */
  wasNotProcessed?(error: Error): boolean;
  /**
   * Closes idle connections at once and busy connections after their requests. Later requests use new connections.
   * Called when the endpoint did not respond, since the connections may be half-open.
   */
  resetConnections(): void;
  /**
   * Switches to the next address of the endpoint that this clerk can use.
   *
   * @param from - the address that failed; ignored when another request has already switched away from this address
   * @returns whether an address is left to try. False when all addresses have failed since the last success; the
   * channel then uses the first address again.
   */
  nextAddress(from: Address): boolean;
  /** Closes the channel after the requests in flight; resolves when all connections are closed. */
  close(): Promise<void>;
  /** Aborts all requests with an error and closes all connections. */
  destroy(error: Error): Promise<void>;
}

/** Settings of a clerk for its transport. */
export interface TransportOptions {
  /** Maximum number of connections per endpoint, ≥ 1. */
  readonly connections: number;
  /** Certificates and keys for TLS. */
  readonly tls: TlsOptions;
  /** Options passed on to undici's pools. */
  readonly undici: Readonly<Record<string, unknown>>;
}

/** Certificates and keys for TLS, in PEM. */
export interface TlsOptions {
  /** Trusted certificate authorities. Default: the certificate authorities that Node trusts. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Client certificate. */
  readonly cert?: string | Buffer;
  /** Private key of the client certificate. */
  readonly key?: string | Buffer;
}

/** Port to the network, for one clerk. */
export interface Transport {
  /**
   * Creates the channel of one endpoint, without connecting.
   *
   * @param endpoint - the endpoint to reach
   * @param addresses - the addresses of the endpoint that this clerk can use, at least one, best first
   * @param authority - the value of the `Host` header, such as `orders.shop.clerk`
   */
  open(endpoint: Endpoint, addresses: readonly Address[], authority: string): Channel;
}

/** Creates the transport of one clerk. */
export type TransportFactory = (options: TransportOptions, clock: Clock) => Transport;
