import type { MemoryRequest, MemoryServer, ServerReply } from './memory-request.js';

export interface ServerConnection {
  reset(error: Error): void;
}

export interface DeliveredRequest {
  readonly request: MemoryRequest;
  readonly callId: string | undefined;
  readonly connection: ServerConnection;
  respond(reply: ServerReply, isTruncated: boolean): void;
  /** Rejects the request without processing the request. The connection stays usable. */
  refuseStream(): void;
}

/** A server as its connections use it. */
export interface ServerSide {
  /** See {@link MemoryServer.readBytesPerMs}. */
  readonly readBytesPerMs: MemoryServer['readBytesPerMs'];
  connected(connection: ServerConnection): void;
  disconnected(connection: ServerConnection): void;
  receive(delivery: DeliveredRequest): void;
  /**
   * Runs an action after a delay. A kill of the server during the delay cancels the action. While the server is paused,
   * the action waits for the end of the pause.
   */
  schedule(delayMs: number, action: () => void): void;
}
