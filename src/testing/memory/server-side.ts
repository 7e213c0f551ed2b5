import type { MemoryRequest, MemoryServer, ServerReply } from './memory-request.js';

export interface ServerConnection {
  reset(error: Error): void;
}

export interface DeliveredRequest {
  readonly request: MemoryRequest;
  readonly callId: string | undefined;
  readonly connection: ServerConnection;
  respond(reply: ServerReply, isTruncated: boolean): void;
  /** Rejects the request without executing it. The connection stays usable. */
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
   * Runs an action after a delay. A kill during the delay cancels the action. A pause delays the action until the
   * server resumes.
   */
  schedule(delayMs: number, action: () => void): void;
}
