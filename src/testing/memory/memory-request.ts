/** What a memory server reads, what it can do with it, and how a test tells it what to do. */

/** A request as a memory server reads it. */
export interface MemoryRequest {
  /** Where it was read: the server's address. */
  readonly address: string;
  /** Where in the endpoint. */
  readonly path: string;
  /** Upper case. */
  readonly method: string;
  /** Names in lower case; of several with one name the last. */
  readonly headers: Readonly<Record<string, string>>;
  /** As the caller gave it. */
  readonly body: unknown;
  /** Whether it only asks for a sign of life. Such a request is never executed. */
  readonly isProbe: boolean;
}

/**
 * What becomes of a request that was read.
 *
 * - `respond` it is executed and answered
 * - `hang` it is not executed, and nothing is heard of it (also: it was lost on the way)
 * - `drop-response` it is executed, and nothing is heard of it
 * - `reset-before` the connection is reset, and it is not executed
 * - `reset-after` it is executed, and the connection is reset instead of an answer
 * - `refuse-stream` it is not executed, and its sender is told so, as by HTTP/2's REFUSED_STREAM
 * - `truncate` it is executed, and the connection is reset in the middle of the answer's body
 */
export type Behavior =
  'respond' | 'hang' | 'drop-response' | 'reset-before' | 'reset-after' | 'refuse-stream' | 'truncate';

/** How a server treats one request. */
export interface ServerReply {
  /** Default `answer`. */
  readonly behavior?: Behavior;
  /** From when it was read to the head of the answer (or the reset), in ms. Default 0. */
  readonly delayMs?: number;
  /** From the head to the end of the body, in ms. Default 0. */
  readonly bodyDelayMs?: number;
  /** Default 200. */
  readonly statusCode?: number;
  /** Default none but `content-type` and `content-length`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default empty. */
  readonly body?: string | Buffer;
}

/** Decides what becomes of a request. Called once for each, when it is read. */
export type ServerHandler = (request: MemoryRequest) => ServerReply;

/** A server in memory. It accepts connections from the beginning. */
export interface MemoryServer {
  /** The address, as endpoints write it. */
  readonly address: string;
  /** Requests read so far, probes left out. */
  readonly requests: number;
  /** Decides what becomes of each request; may be replaced at any time. */
  handler: ServerHandler;
  /** Refuses new connections; those that stand go on. */
  refuse(): void;
  /** Leaves new connections without an answer; those that stand go on. */
  stall(): void;
  /** Accepts connections, those that wait too. Also what starts a killed server. */
  accept(): void;
  /** Accepts connections and reads, executes and answers nothing, as a process does after SIGSTOP. */
  pause(): void;
  /** Goes on after a pause, with all that has arrived. */
  resume(): void;
  /** Resets all connections, forgets what it was doing, and refuses new ones, as after SIGKILL. */
  kill(): void;
  /** How often requests with this call id were executed, over the server's whole life. */
  executions(callId: string): number;
}
