/**
 * What carries a request to one endpoint. The handler has undici's callback form (`onConnect`, `onHeaders` …), so that
 * nothing is converted on the warm path; a transport that is not undici's calls the same methods in the same order.
 */
import type { Address } from './address.js';
import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';

/** A body that can be given to a transport. */
export type RequestBody = unknown;

/** One request, shaped like undici's dispatch options; a transport reads it and never writes to it. */
export interface TransportRequest {
  /** Where in the endpoint, beginning with `/` (or `*`, with OPTIONS). */
  readonly path: string;
  /** Upper case. */
  readonly method: string;
  /** Any form that undici takes. */
  readonly headers?: unknown;
  /** Any form that undici takes. */
  readonly body?: RequestBody;
}

/**
 * Hears what becomes of one request. Order: `onConnect`, any number of informational `onHeaders`, one final
 * `onHeaders`, any number of `onData`, then `onComplete`; or `onError` at any point, as the last call.
 * `onError` without an `onConnect` before it means that nothing was ever handed to a connection.
 */
export interface RequestHandler {
  /**
   * Whether `onError` was called, if the handler keeps count of that: so a transport sees at no cost that what it hands
   * requests on to has refused one.
   */
  readonly hasFailed?: boolean;
  /**
   * A request that had to wait for a connection has its turn: returns it as it is to be sent now. What it says of the
   * time that is left would else be what was left before the wait.
   */
  onDequeue?(request: TransportRequest): TransportRequest;
  /**
   * The request is about to be written to a connected, authenticated connection: from here on it may have run.
   * If this throws, nothing is written, the connection stays as it was, and `onError` follows.
   */
  onConnect(abort: (reason?: Error) => void, context?: unknown): void;
  /** Head of an answer; false pauses the body until `resume` is called. */
  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean;
  /** A piece of the body; false pauses. */
  onData(chunk: Buffer): boolean;
  /** The answer is complete. */
  onComplete(trailers: string[] | null): void;
  /** The request failed, here and finally. */
  onError(error: Error): void;
  /** The connection now belongs to the caller. */
  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void;
  /** The first byte of an answer arrived. */
  onResponseStarted?(): void;
  /** A piece of the request's body was written. */
  onBodySent?(chunkSize: number, totalBytesSent: number): void;
  /** The request was written in full. */
  onRequestSent?(): void;
}

/**
 * Connections to one endpoint, opened when first needed.
 */
export interface Channel {
  /** Address in use, as written by whoever named it. */
  readonly address: Address;
  /**
   * Sends one request. Never throws: whatever goes wrong arrives at `handler.onError`, perhaps synchronously.
   *
   * @param freshOnly - use only a connection that is fresh or was idle for less than a second (promises C3.3)
   */
  dispatch(request: TransportRequest, handler: RequestHandler, freshOnly: boolean): void;
  /**
   * Lets a request go that was given up before its `onConnect`: if it still waits for a connection it is not sent, its
   * handler hears nothing more, and its body is held no longer. Without this method it waits until its `onConnect` throws.
   */
  cancelQueued?(handler: RequestHandler): void;
  /** Resolves when a connection stands, without sending a byte of a request on it; rejects when none can be made. */
  connect(): Promise<void>;
  /**
   * Asks the endpoint for a sign of life on a connection of its own. Resolves when it gave one; rejects when it
   * did not within `limitMs` or cannot be reached. Never keeps the process alive.
   */
  probe(timeoutMs: number): Promise<void>;
  /**
   * Whether an error proves that the peer did not process the request although it was sent: HTTP/2's REFUSED_STREAM.
   * Without this method nothing proves it.
   * @see promises C3.4
   */
  wasNotProcessed?(error: Error): boolean;
  /**
   * Drops what stands: connections with a request on them end with it, all others now, later requests get new ones.
   * Called when the endpoint has gone silent, since its connections cannot be trusted any more.
   */
  resetConnections(): void;
  /**
   * Moves on to the endpoint's next usable address.
   *
   * @param from - the address that failed; nothing changes if another request has moved on from it already
   * @returns false when there is none that has not failed since the last success; the first is in use again then
   */
  nextAddress(from: Address): boolean;
  /** Lets requests in flight finish, then closes; resolves when done. */
  close(): Promise<void>;
  /** Cuts everything. */
  destroy(error: Error): Promise<void>;
}

/** What a transport needs to know of the clerk it serves. */
export interface TransportOptions {
  /** Connections per endpoint, ≥ 1. */
  readonly connections: number;
  /** Certificates for TLS. */
  readonly tls: TlsOptions;
  /** Options handed on to undici's pools. */
  readonly undici: Readonly<Record<string, unknown>>;
}

/** Certificates for TLS, in PEM. */
export interface TlsOptions {
  /** Whom to trust besides nobody; default: the roots that Node trusts. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** The certificate to show. */
  readonly cert?: string | Buffer;
  /** Its private key. */
  readonly key?: string | Buffer;
}

/** Makes channels for one clerk. */
export interface Transport {
  /**
   * Makes the channel of one endpoint. No connection is made yet.
   *
   * @param endpoint - whom to reach
   * @param addresses - those of its addresses that this clerk can use, best first; at least one
   * @param authority - the logical host for the `Host` header, e.g. `orders.shop.clerk`
   */
  open(endpoint: Endpoint, addresses: readonly Address[], authority: string): Channel;
}

/** Makes a transport for one clerk. */
export type TransportFactory = (options: TransportOptions, clock: Clock) => Transport;
