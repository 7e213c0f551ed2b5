import type { MemoryRequest, ServerReply } from './memory-request.js';

/** A connection as the server uses it. */
export interface ServerConnection {
  /** Resets the connection. The client notices the reset after the latency. */
  reset(error: Error): void;
}

/** A request that has arrived at a server. */
export interface DeliveredRequest {
  readonly request: MemoryRequest;
  readonly callId: string | undefined;
  readonly connection: ServerConnection;
  /** Sends the response, complete or truncated. */
  respond(reply: ServerReply, isTruncated: boolean): void;
  /** Rejects the request without processing it; the connection stays usable. */
  refuseStream(): void;
}

/** A server as its connections use it. */
export interface ServerSide {
  /** Called when a connection is established. */
  connected(connection: ServerConnection): void;
  /** Called when a connection is closed. */
  disconnected(connection: ServerConnection): void;
  /** Called when a request has arrived. */
  receive(delivery: DeliveredRequest): void;
  /**
   * Runs an action after a delay, unless the server is killed first. While the server is paused, the action waits for
   * the end of the pause.
   */
  schedule(delayMs: number, action: () => void): void;
}
