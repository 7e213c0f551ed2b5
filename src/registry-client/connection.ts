import type { ClerkError } from '../core/errors.js';

export interface RegistryRequest {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /**
   * Lines of JSON as bytes, or a value to be sent as JSON. The server rejects a body above 64 KiB, except for an
   * import.
   */
  readonly body?: unknown;
  /**
   * Time limit from the established connection to the response headers, in ms. Default 3,000. The response body has the
   * same limit, but at least 3,000 ms.
   */
  readonly headersTimeoutMs?: number;
  /** Time limit of a stream for its connection and the response headers, in ms. Default 4,500. */
  readonly startTimeoutMs?: number | undefined;
  /** Maximum size of the response body. Default 4 MiB. */
  readonly maxResponseBytes?: number;
  /**
   * Called with parsed lines of a successful response, as they arrive. The next lines are read after the promise has
   * resolved. The response has no `body`, and `maxResponseBytes` does not apply.
   */
  readonly onLines?: (lines: readonly unknown[]) => Promise<void>;
  /**
   * Whether the request changes the registry. A change that was sent and gets no response fails with
   * `execution: 'unknown'`, even after an abort. Default false.
   */
  readonly isChange?: boolean;
  /**
   * Registry position that an earlier process has seen. The request states this position in `clerk-position`, so that
   * a registry that has lost changes notices the loss. Positions that this connection has seen are stated too.
   */
  readonly position?: string | undefined;
}

export interface RegistryResponse {
  readonly status: number;
  /** The parsed body: an array for lines of JSON, undefined for a body that is not JSON. */
  readonly body: unknown;
  /** Size of the body, in bytes; undefined if the size is not known. */
  readonly bodyBytes?: number;
  /** Response header `clerk-revision`, or empty. */
  readonly revision: string;
  /** Response header `clerk-incarnation`, or empty. */
  readonly incarnation: string;
  /** Response header `clerk-position`, or empty. */
  readonly position: string;
  /** Response header `clerk-servers`. Absent in a registry with one server. */
  readonly servers?: string;
}

export interface StreamEvent {
  readonly type: string;
  readonly id: string;
  readonly data: unknown;
}

export interface StreamListener {
  /** Called when a connection exists, immediately before the request is sent. */
  onRequest?(): void;
  onActivity(): void;
  /** Never called after `onEnd`. */
  onEvent(event: StreamEvent): void;
  /** Called when new connections prove another key of the program than this stream, whose connection stays open. */
  onKeyChanged?(): void;
  /**
   * Called once, when the stream has ended or could not be opened. Not called after the stream was stopped, or while
   * `stream` runs.
   */
  onEnd(error: ClerkError): void;
}

/** Port to one registry server. Connections never keep the process alive. */
export interface RegistryConnection {
  readonly url: string;
  /**
   * Resolves to the complete response, with any status. Rejects when `signal` aborts, unless the request is a change
   * and was already sent.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when no response arrived in time
   * @throws {@link ClerkError} `REGISTRY_INVALID` when the response is not valid HTTP, has a content encoding, or is
   * too large
   */
  request(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse>;
  /** Opens an event stream on a separate connection. Returns a function that stops the stream. */
  stream(request: RegistryRequest, listener: StreamListener): () => void;
  close(): Promise<void>;
}
