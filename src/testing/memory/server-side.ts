/** How a connection in memory and the server at its other end see each other. */
import type { MemoryRequest, ServerReply } from './memory-request.js';

/** A connection as its server sees it. */
export interface ServerConnection {
  /** Cuts it; the client hears of it a little later. */
  reset(error: Error): void;
}

/** What a connection brings to a server. */
export interface DeliveredRequest {
  readonly request: MemoryRequest;
  readonly callId: string | undefined;
  readonly connection: ServerConnection;
  /** Sends the answer, or as much of it as there will be. */
  respond(reply: ServerReply, isTruncated: boolean): void;
  /** Gives it back unprocessed; the connection goes on. */
  refuseStream(): void;
}

/** A server as its connections see it. */
export interface ServerSide {
  /** The connection now stands. */
  connected(connection: ServerConnection): void;
  /** The connection is gone. */
  disconnected(connection: ServerConnection): void;
  /** A request has arrived. */
  receive(delivery: DeliveredRequest): void;
  /** Acts when the time has come, unless the process was killed; a paused one acts when it goes on. */
  schedule(delayMs: number, action: () => void): void;
}
