import type { AsyncResource } from 'node:async_hooks';
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import type { CredentialSource } from './credentials.js';
import type { Endpoint } from './endpoint.js';
import type { KeyPin } from './key-pin.js';
import type { Locality } from './locality.js';

/** Any request body that undici accepts. */
export type RequestBody = unknown;

/** One request, as undici's dispatch options. A transport must not modify the request. */
export interface TransportRequest {
  /** Path and query, beginning with `/`; `*` is allowed with OPTIONS. */
  readonly path: string;
  /** HTTP method, in upper case. */
  readonly method: string;
  /** A record, or a flat list of names and values. */
  readonly headers?: unknown;
  /** Any request body that undici accepts. */
  readonly body?: RequestBody;
  /**
   * Returns a copy of the request with other headers. A request without this method is copied with spread syntax, which
   * takes ten times as long.
   */
  withHeaders?(headers: unknown): TransportRequest;
}

/**
 * Callbacks for one request, with undici's signatures. Order: `onConnect`, any number of `onHeaders` with a 1xx
 * status, one final `onHeaders`, any number of `onData`, then `onComplete`. `onError` may end the sequence at any
 * point. `onError` without `onConnect` means that no byte of the request was written.
 */
export interface RequestHandler {
  /** Whether `onError` was called. A transport can thus detect a rejected request without wrapping the handler. */
  readonly hasFailed?: boolean;
  /**
   * Whether the request needs a new connection, because an earlier attempt failed on a connection that had been idle.
   * If a new connection cannot be opened, the transport uses any connection.
   */
  readonly needsNewConnection?: boolean;
  /** The async context of the call, in which a queued request is sent. Undefined if the context does not matter. */
  readonly asyncContext?: AsyncResource | undefined;
  /** Called before a queued request is sent. Returns the request with an updated `clerk-timeout-ms` header. */
  onDequeue?(request: TransportRequest): TransportRequest;
  /**
   * Called on an established connection, before the request is written. With TLS, the handshake has ended. If
   * `onConnect` throws, nothing is written, the connection stays usable, and `onError` follows.
   */
  onConnect(abort: (reason?: Error) => void, context?: unknown): void;
  /** Returning false pauses the body until `resume` is called. */
  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean;
  /** Returning false pauses the body, like {@link RequestHandler.onHeaders}. */
  onData(chunk: Buffer): boolean;
  /** The response is complete. */
  onComplete(trailers: string[] | null): void;
  /** The request failed. The transport does not retry the request. */
  onError(error: Error): void;
  /** The protocol was upgraded. After this call, the handler owns the socket. */
  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void;
  /**
   * The server closes the connection gracefully (HTTP/2 GOAWAY with NO_ERROR), but may still respond to the request.
   */
  onGoAway?(): void;
  /** The first byte of a response was received. */
  onResponseStarted?(): void;
  /**
   * A chunk of the request body was written: bytes or a string. The connection has taken all earlier chunks. undici's
   * type declares two numbers as parameters, but undici passes the chunk.
   */
  onBodySent?(chunk: unknown): void;
  /** The request was written completely. */
  onRequestSent?(): void;
}

/** The request of a health probe over HTTP. Default: `OPTIONS /`. */
export interface ProbeRequest {
  /** `OPTIONS`, `HEAD` or `GET`. */
  readonly method: string;
  /** Path and query, beginning with `/`. */
  readonly path: string;
}

// The path is not `*`, as in `OPTIONS *`, because many servers build a URL from the path and crash on `*`.
export const defaultProbe: ProbeRequest = Object.freeze({ method: 'OPTIONS', path: '/' });

/** A limit of the connections of a clerk. */
export interface ConnectionLimit {
  /** The option of `createClerk` that sets the limit. */
  readonly option: 'connections' | 'maxSockets';
  /** The limit, ≥ 1. */
  readonly value: number;
}

/** The connections to one endpoint, opened on first use. */
export interface Channel {
  /** The address that new requests use. */
  readonly address: Address;
  /**
   * Sends one request. Never throws: errors are passed to `handler.onError`, possibly synchronously.
   *
   * @param freshOnly - whether to avoid connections that were idle for a second or longer, which the server may be
   * closing
   * @see [C3.3](../../docs/guarantees.md#c3-3)
   */
  dispatch(request: TransportRequest, handler: RequestHandler, freshOnly: boolean): void;
  /**
   * Cancels a queued request, whose `onConnect` was not called yet. If no other request waits for a connecting socket,
   * the socket is destroyed unless it connects soon. `onConnect` and `onError` may still be called, and `onConnect`
   * must then throw. Without this method, a cancelled request stays queued until its `onConnect` throws.
   */
  cancelQueued?(handler: RequestHandler): void;
  /**
   * Whether a request waits because all connections to the endpoint, or all sockets of the clerk, are in use.
   * If false, an unsent request waits for its connection to be established. Without this method, no request counts as
   * queued.
   */
  isQueued?(handler: RequestHandler): boolean;
  /**
   * Returns the limit that keeps a queued request waiting, for error messages; undefined if the request is not
   * queued. Without this method, the limit is unknown.
   */
  queuedBy?(handler: RequestHandler): ConnectionLimit | undefined;
  /**
   * Establishes a connection without sending a request; rejects if the connection fails. Aborting the signal stops
   * the attempt to connect.
   */
  connect(signal?: AbortSignal): Promise<void>;
  /**
   * Probes the endpoint on a separate connection. Resolves with a response of any status. Rejects if the
   * endpoint cannot be reached, or does not respond within `timeoutMs`. A probe never keeps the process alive.
   */
  probe(timeoutMs: number, request?: ProbeRequest): Promise<void>;
  /**
   * Whether an error proves that the server did not process a sent request, such as HTTP/2's REFUSED_STREAM. Without
   * this method, errors prove nothing. @see [C3.4](../../docs/guarantees.md#c3-4)
   */
  wasNotProcessed?(error: Error): boolean;
  /**
   * Whether the request of this handler was sent on a connection that was already open. The server may have closed
   * such a connection because it was idle. Called in `onError`. Without this method, no connection counts as already
   * open. @see [C2.1](../../docs/guarantees.md#c2-1)
   */
  wasReused?(handler: RequestHandler): boolean;
  /**
   * Looks for the cause when a sent request failed without a response. Resolves to an error that states the cause, or
   * to the same error. Returns undefined if the cause cannot be determined. Never rejects. Without this method, errors
   * are not changed.
   *
   * @param hasResponded - whether the endpoint has answered a request of this client before
   */
  explain?(error: Error, hasResponded: boolean): Promise<Error> | undefined;
  /**
   * Replaces the established connections: closes idle connections at once, and busy connections after their requests.
   * Called when the endpoint did not respond, since its connections may be half-open.
   */
  resetConnections(): void;
  /**
   * Switches to the next address of the endpoint, if the channel still uses the failed address `from`. Returns false
   * if all addresses have failed since the last success; the channel then uses the first address again.
   */
  nextAddress(from: Address): boolean;
  /** Closes the channel once the requests in flight have finished. */
  close(): Promise<void>;
  /** Aborts all requests with an error and closes all connections. */
  destroy(error: Error): Promise<void>;
}

/** Decides to which addresses a client connects. */
export interface ConnectPolicy {
  /**
   * Returns why the client must not connect to an address; undefined if the client may connect. Returns undefined for a
   * host name, which is checked with `ipProblem` after DNS resolution.
   */
  problemOf(address: Pick<Address, 'hostname' | 'socketPath'>): string | undefined;
  /**
   * Returns why the client must not connect to an IP address; undefined if the client may connect, or for a host name.
   */
  ipProblem(text: string): string | undefined;
}

/** Settings of a clerk for its transport. */
export interface TransportOptions {
  /** Where the client runs. If unknown, even connections to loopback addresses need an instance check. */
  readonly locality?: Pick<Locality, 'host' | 'hostId'>;
  /** Decides to which addresses a client connects. Default: all. */
  readonly addressPolicy?: ConnectPolicy;
  /** Maximum number of connections per endpoint, ≥ 1. */
  readonly connections: number;
  /** Maximum number of open sockets to all endpoints together, ≥ 1. */
  readonly maxSockets: number;
  /** Certificates and keys for TLS. */
  readonly tls: TlsOptions;
  /** Options passed on to undici's pools. */
  readonly undici: Readonly<Record<string, unknown>>;
  /** Key that the client proves to endpoints with keys. Default: the client proves no key. */
  readonly credentials?: CredentialSource | undefined;
  /**
   * Returns the pin of the public key in a certificate, in DER. Default: no endpoint can prove its key, so endpoints
   * with keys are not called.
   */
  readonly pinOf?: (certificate: Uint8Array) => KeyPin;
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
   * @param addresses - the addresses that this clerk can use, at least one, best first
   * @param authority - the value of the `Host` header, such as `orders.shop.clerk`
   */
  open(endpoint: Endpoint, addresses: readonly Address[], authority: string): Channel;
}

/** Creates the transport of one clerk. */
export type TransportFactory = (options: TransportOptions, clock: Clock) => Transport;
