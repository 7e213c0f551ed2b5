import type { ClerkError } from '../core/errors.js';

/** One request: a POST if it has a body, otherwise a GET. */
export interface RegistryRequest {
  /** One of `paths`. */
  readonly path: string;
  /** Query parameters of a GET. */
  readonly query?: Readonly<Record<string, string>>;
  /**
   * A `Uint8Array` must contain lines of JSON and is sent unchanged. Any other value is sent as JSON. The server
   * rejects a body above 64 KiB, except that of an import.
   */
  readonly body?: unknown;
  /**
   * Timeout from the connection to the response headers, in ms. Default 3,000. The timeout from the headers to the end
   * of the body has the same value, but is at least 3,000 ms.
   */
  readonly headersTimeoutMs?: number;
  /** Maximum size of the response body, in bytes. Default 4 MiB. */
  readonly maxResponseBytes?: number;
  /**
   * Whether the request changes the registry. When such a request was sent and its response is lost, the error has
   * `execution: 'unknown'`. An abort after sending also counts as a lost response. Default false.
   */
  readonly isChange?: boolean;
}

export interface RegistryResponse {
  readonly status: number;
  /** The parsed body; an array for lines of JSON; undefined when the body is not JSON. */
  readonly body: unknown;
  /** Response header `clerk-revision`; empty when it is missing. */
  readonly revision: string;
  /** Response header `clerk-incarnation`; empty when it is missing. */
  readonly incarnation: string;
}

export interface StreamEvent {
  readonly type: string;
  readonly id: string;
  /** The parsed JSON text of the event. */
  readonly data: unknown;
}

export interface StreamListener {
  /** Called when bytes have arrived, even if the bytes complete no event. */
  onActivity(): void;
  /** Called for each event, in order; never after `onEnd`. */
  onEvent(event: StreamEvent): void;
  /**
   * Called once, when the stream has ended or could not be opened. Not called before `stream` has returned. Not called
   * after the stream was stopped.
   */
  onEnd(error: ClerkError): void;
}

/** Port to one registry server. Connections never keep the process alive. */
export interface RegistryConnection {
  /** Address of the server, for error messages. */
  readonly url: string;
  /**
   * Sends a request. Resolves to the complete response, whatever its status. Rejects with the reason of `signal` when
   * `signal` aborts, except for a change that was already sent.
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
