import type { ClerkError } from '../core/errors.js';

/** One request: a POST with a JSON body, or a GET without a body. */
export interface RegistryRequest {
  /** Path of the request: one of `paths`. */
  readonly path: string;
  /** Query parameters of a GET. */
  readonly query?: Readonly<Record<string, string>>;
  /** Body of a POST; at most 64 KiB as JSON. */
  readonly body?: unknown;
  /** Timeout from the connection to the head of the response, in ms. Default 3,000. */
  readonly headersTimeoutMs?: number;
}

/** A response with any status. */
export interface RegistryResponse {
  readonly status: number;
  /** The parsed body; undefined when the body is not JSON. */
  readonly body: unknown;
  /** Value of the response header `clerk-revision`; empty when the header is missing. */
  readonly revision: string;
  /** Value of the response header `clerk-incarnation`; empty when the header is missing. */
  readonly incarnation: string;
}

/** One server-sent event. */
export interface StreamEvent {
  readonly type: string;
  readonly id: string;
  /** Data of the event, parsed as JSON. */
  readonly data: unknown;
}

/** Callbacks of an event stream. */
export interface StreamListener {
  /**
   * Called when any bytes have arrived, which shows that the server is alive. Also called for bytes that are not an
   * event.
   */
  onActivity(): void;
  /** Called for each event, in order; never after `onEnd`. */
  onEvent(event: StreamEvent): void;
  /**
   * Called once, when the stream has ended or could not be opened. Never called before `stream` has returned, nor after
   * the stream was stopped.
   */
  onEnd(error: ClerkError): void;
}

/**
 * Port to one registry server, with implementations over sockets and in memory. Connections never keep the process
 * alive.
 */
export interface RegistryConnection {
  /** Address of the server, for error messages. */
  readonly url: string;
  /**
   * Sends a request. Resolves to the complete response, even to an error response. Rejects with the reason of `signal`
   * when `signal` aborts.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when no response was received in time; `REGISTRY_INVALID` when
   * the response is not one of a registry server.
   */
  request(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse>;
  /** Opens an event stream on a separate connection. Returns a function that stops the stream. */
  stream(request: RegistryRequest, listener: StreamListener): () => void;
  /** Closes all connections; requests in flight fail. */
  close(): Promise<void>;
}
