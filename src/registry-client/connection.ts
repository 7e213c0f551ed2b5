import type { ClerkError } from '../core/errors.js';

/** One request: a POST with a JSON body, or a GET without one. */
export interface RegistryRequest {
  /** One of `paths`. */
  readonly path: string;
  /** Query of a GET. */
  readonly query?: Readonly<Record<string, string>>;
  /** Body of a POST, at most 64 KiB as JSON. */
  readonly body?: unknown;
  /** Time from the end of the request to the head of the response, in ms. Default 3,000. */
  readonly headersTimeoutMs?: number;
}

/** A response with any status. */
export interface RegistryResponse {
  readonly status: number;
  /** The parsed body; undefined when it is not JSON. */
  readonly body: unknown;
  /** From the headers; empty when there is none. */
  readonly revision: string;
  /** From the headers; empty when there is none. */
  readonly incarnation: string;
}

/** One server-sent event. */
export interface StreamEvent {
  readonly type: string;
  readonly id: string;
  /** The parsed data. */
  readonly data: unknown;
}

/** Callbacks of an event stream. */
export interface StreamListener {
  /** Any bytes arrived, including comments: the server is alive. */
  onActivity(): void;
  /** One event, in order. Not called after `onEnd`. */
  onEvent(event: StreamEvent): void;
  /** The stream ended or could not be opened. Not called synchronously from `stream`, nor after the stream was stopped. */
  onEnd(error: ClerkError): void;
}

/**
 * Port to one registry server. The transport behind it is injected, so the same client runs over sockets and in memory.
 * Connections never keep the process alive.
 */
export interface RegistryConnection {
  /** Address of the server, for messages. */
  readonly url: string;
  /**
   * Sends a request. Resolves to the complete response, including error responses.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when none came in time; `REGISTRY_INVALID` when it is not a response of
   * this interface. Rejects with the reason of the signal when that aborts.
   */
  request(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse>;
  /** Opens an event stream on a separate connection. Returns a function that stops it. */
  stream(request: RegistryRequest, listener: StreamListener): () => void;
  /** Closes all connections. Requests in flight fail. */
  close(): Promise<void>;
}
