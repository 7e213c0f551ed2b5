/** A request as a memory server receives it. */
export interface MemoryRequest {
  /** Address of the server. */
  readonly address: string;
  /** Path within the endpoint. */
  readonly path: string;
  /** Upper case. */
  readonly method: string;
  /** Names in lower case; of several headers with one name, the last. */
  readonly headers: Readonly<Record<string, string>>;
  /** As the caller passed it. */
  readonly body: unknown;
  /** Whether it is a health probe. A probe is never executed. */
  readonly isProbe: boolean;
}

/**
 * What the server does with a request.
 *
 * - `respond` executes it and responds
 * - `hang` neither executes it nor responds (also stands for a request lost on the way)
 * - `drop-response` executes it and does not respond
 * - `reset-before` resets the connection without executing it
 * - `reset-after` executes it and resets the connection instead of responding
 * - `refuse-stream` rejects it unexecuted, like HTTP/2's REFUSED_STREAM
 * - `truncate` executes it and resets the connection in the middle of the response body
 */
export type Behavior =
  'respond' | 'hang' | 'drop-response' | 'reset-before' | 'reset-after' | 'refuse-stream' | 'truncate';

/** How a server handles one request. */
export interface ServerReply {
  /** Default `respond`. */
  readonly behavior?: Behavior;
  /** Time from the request to the head of the response, or to the reset, in ms. Default 0. */
  readonly delayMs?: number;
  /** Time from the head to the end of the body, in ms. Default 0. */
  readonly bodyDelayMs?: number;
  /** Default 200. */
  readonly statusCode?: number;
  /** Added to `content-type` and `content-length`. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default empty. */
  readonly body?: string | Buffer;
}

/** Decides how a request is handled. Called once per request, when it is received. */
export type ServerHandler = (request: MemoryRequest) => ServerReply;

/** A server in memory. It accepts connections initially. */
export interface MemoryServer {
  /** The address. */
  readonly address: string;
  /** Number of requests received, without probes. */
  readonly requests: number;
  /** Decides how each request is handled; may be replaced at any time. */
  handler: ServerHandler;
  /** Refuses new connections; established ones continue. */
  refuse(): void;
  /** Neither accepts nor refuses new connections; established ones continue. */
  stall(): void;
  /** Accepts connections, including waiting ones. Also restarts a killed server. */
  accept(): void;
  /** Accepts connections and handles no request, like a process after SIGSTOP. */
  pause(): void;
  /** Continues after a pause, with all requests that have arrived. */
  resume(): void;
  /** Resets all connections, drops all requests and refuses new connections, as after SIGKILL. */
  kill(): void;
  /** How often requests with this call id were executed, including before restarts. */
  executions(callId: string): number;
}
