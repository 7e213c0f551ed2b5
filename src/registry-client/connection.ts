import type { ClerkError } from '../core/errors.js';

/** One request: a POST if it has a body, otherwise a GET. */
export interface RegistryRequest {
  /** One of `paths`. */
  readonly path: string;
  /** Query parameters of a GET. */
  readonly query?: Readonly<Record<string, string>>;
  /** A value that is sent as JSON, or the bytes of lines of JSON. Only an import may exceed 64 KiB. */
  readonly body?: unknown;
  /**
   * Timeout from the connection to the response headers, in ms. Default 3,000. The timeout from the headers to the end
   * of the body is equal, but at least 3,000 ms.
   */
  readonly headersTimeoutMs?: number;
  /** Maximum size of the response body, in bytes. Default 4 MiB. */
  readonly maxResponseBytes?: number;
  /** Whether a failure after the request was sent has `execution: 'unknown'`, even after an abort. Default false. */
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
  /** Parsed JSON. */
  readonly data: unknown;
}

export interface StreamListener {
  /** Called when bytes have arrived, also for bytes that are not an event. */
  onActivity(): void;
  /** Called for each event, in order; never after `onEnd`. */
  onEvent(event: StreamEvent): void;
  /** Called once, when the stream has ended or could not be opened; never before `stream` has returned or after a stop. */
  onEnd(error: ClerkError): void;
}

/** Port to one registry server. Connections never keep the process alive. */
export interface RegistryConnection {
  /** Address of the server, for error messages. */
  readonly url: string;
  /**
   * Sends a request. Resolves to the complete response with any status. Rejects with the reason of `signal` when
   * `signal` aborts.
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
