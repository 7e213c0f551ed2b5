/** A request as a memory server receives it. */
export interface MemoryRequest {
  /** Address of the server. */
  readonly address: string;
  /** Path and query. */
  readonly path: string;
  /** HTTP method, in upper case. */
  readonly method: string;
  /** Headers, with names in lower case. Of several headers with the same name, only the last one is present. */
  readonly headers: Readonly<Record<string, string>>;
  /** Body as the caller passed it. */
  readonly body: unknown;
  /** Whether the request is a health probe. A probe is never executed. */
  readonly isProbe: boolean;
}

/**
 * What a server does with a request. An executed request is counted by its call id.
 *
 * - `respond` executes the request and responds
 * - `hang` neither executes the request nor responds, like a lost request
 * - `drop-response` executes the request and does not respond
 * - `reset-before` resets the connection without executing the request
 * - `reset-after` executes the request, then resets the connection without a response
 * - `refuse-stream` rejects the request without executing it, like HTTP/2's REFUSED_STREAM
 * - `truncate` executes the request, then resets the connection in the middle of the response body
 */
export type Behavior =
  'respond' | 'hang' | 'drop-response' | 'reset-before' | 'reset-after' | 'refuse-stream' | 'truncate';

/** How a server handles one request. */
export interface ServerReply {
  /** What the server does with the request. Default `respond`. */
  readonly behavior?: Behavior;
  /** Time from the arrival of the request to the head of the response, or to the reset, in ms. Default 0. */
  readonly delayMs?: number;
  /** Time from the head to the end of the body, in ms. Default 0. */
  readonly bodyDelayMs?: number;
  /** Status of the response. Default 200. */
  readonly statusCode?: number;
  /** Response headers, which override the default `content-type` and `content-length`. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Response body. Default: empty. */
  readonly body?: string | Buffer;
}

/** Decides how a request is handled. Called once per request, on its arrival. */
export type ServerHandler = (request: MemoryRequest) => ServerReply;

/** A server in memory, which accepts connections initially. */
export interface MemoryServer {
  /** Address of the server. */
  readonly address: string;
  /** Number of requests received, not counting health probes. */
  readonly requests: number;
  /** Decides how each request is handled; may be replaced at any time. */
  handler: ServerHandler;
  /**
   * Speed at which the server reads request bodies, in bytes per ms, > 0. A request arrives when its body is read. A
   * paused server reads nothing. Initially infinite.
   */
  readBytesPerMs: number;
  /** Refuses new connections. Established connections continue. */
  refuse(): void;
  /** Leaves new connections pending, neither accepted nor refused. Established connections continue. */
  stall(): void;
  /** Accepts new connections, and the pending connections of a stalled server. A killed server starts again. */
  accept(): void;
  /** Accepts connections but handles no request, like a process after SIGSTOP. */
  pause(): void;
  /** Ends a pause. The server then handles all requests that have arrived. */
  resume(): void;
  /** Resets all connections, drops all requests and refuses new connections, as after SIGKILL. */
  kill(): void;
  /** Returns the number of executions of a call id on this server. */
  executions(callId: string): number;
}
