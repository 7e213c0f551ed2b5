import type { MemoryRequest, ServerReply } from './memory-request.js';

/** The server's view of a connection. */
export interface ServerConnection {
  /** Resets the connection; the client notices after the latency. */
  reset(error: Error): void;
}

/** A request that has arrived at a server. */
export interface DeliveredRequest {
  readonly request: MemoryRequest;
  readonly callId: string | undefined;
  readonly connection: ServerConnection;
  /** Sends the response, complete or truncated. */
  respond(reply: ServerReply, isTruncated: boolean): void;
  /** Rejects the request unprocessed; the connection stays usable. */
  refuseStream(): void;
}

/** A connection's view of its server. */
export interface ServerSide {
  /** A connection is established. */
  connected(connection: ServerConnection): void;
  /** A connection is closed. */
  disconnected(connection: ServerConnection): void;
  /** A request has arrived. */
  receive(delivery: DeliveredRequest): void;
  /** Runs an action after a delay, unless the server was killed; when paused, after it resumes. */
  schedule(delayMs: number, action: () => void): void;
}
