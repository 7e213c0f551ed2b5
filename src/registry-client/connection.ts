import type { ClerkError } from '../core/errors.js';

/** One request: a POST with a body, or a GET without a body. */
export interface RegistryRequest {
  /** One of the values of `paths`. */
  readonly path: string;
  /** Query parameters of a GET. */
  readonly query?: Readonly<Record<string, string>>;
  /**
   * A `Uint8Array` contains lines of JSON and is sent unchanged. Any other value is sent as JSON. The server rejects
   * a body above 64 KiB, unless the request is an import.
   */
  readonly body?: unknown;
  /**
   * Time limit from the established connection to the response headers, in ms. Default 3,000. The response body has
   * the same time limit, but at least 3,000 ms.
   */
  readonly headersTimeoutMs?: number;
  /** Maximum size of the response body, in bytes. Default 4 MiB. */
  readonly maxResponseBytes?: number;
  /**
   * Called with parsed lines while a successful response of JSON lines arrives. The `body` of the response is then
   * undefined, and `maxResponseBytes` does not apply. The next lines are read after the promise has resolved.
   */
  readonly onLines?: (lines: readonly unknown[]) => Promise<void>;
  /**
   * Whether the request changes the registry. A change that was sent and gets no response fails with `execution:
   * 'unknown'`, even after an abort. Default false.
   */
  readonly isChange?: boolean;
  /** Position that an earlier process has seen. The connection itself returns the last position that it has seen. */
  readonly position?: string | undefined;
}

export interface RegistryResponse {
  readonly status: number;
  /** The parsed body: an array for lines of JSON, undefined for a body that is not JSON. */
  readonly body: unknown;
  /** Response header `clerk-revision`; empty when the header is missing. */
  readonly revision: string;
  /** Response header `clerk-incarnation`; empty when the header is missing. */
  readonly incarnation: string;
  /** Response header `clerk-position`; empty when the header is missing. */
  readonly position: string;
}

export interface StreamEvent {
  readonly type: string;
  readonly id: string;
  readonly data: unknown;
}

export interface StreamListener {
  /** Called when a connection exists, immediately before the request is sent. */
  onRequest?(): void;
  /** Called when bytes have arrived, even if the bytes complete no event. */
  onActivity(): void;
  /** Called for each event, in order; never after `onEnd`. */
  onEvent(event: StreamEvent): void;
  /**
   * Called once, when the stream has ended or could not be opened. Not called before `stream` has returned, or after
   * the stream was stopped.
   */
  onEnd(error: ClerkError): void;
}

/** Port to one registry server. Connections never keep the process alive. */
export interface RegistryConnection {
  /** Address of the server, for error messages. */
  readonly url: string;
  /**
   * Sends a request. Resolves to the complete response, with any status. Rejects with the reason of `signal` when
   * `signal` aborts, unless the request is a change and was already sent.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when no response arrived in time
   * @throws {@link ClerkError} `REGISTRY_INVALID` when the response is not valid HTTP, has a content encoding, or is
   *   too large
   */
  request(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse>;
  /** Opens an event stream on a separate connection. Returns a function that stops the stream. */
  stream(request: RegistryRequest, listener: StreamListener): () => void;
  /** Closes all connections; requests in flight fail. */
  close(): Promise<void>;
}
