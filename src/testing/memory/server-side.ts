import type { MemoryRequest, MemoryServer, ServerReply } from './memory-request.js';

export interface ServerConnection {
  reset(error: Error): void;
}

export interface DeliveredRequest {
  readonly request: MemoryRequest;
  readonly callId: string | undefined;
  readonly connection: ServerConnection;
  respond(reply: ServerReply, isTruncated: boolean): void;
  refuseStream(): void;
}

export interface ServerSide {
  readonly readBytesPerMs: MemoryServer['readBytesPerMs'];
  connected(connection: ServerConnection): void;
  disconnected(connection: ServerConnection): void;
  receive(delivery: DeliveredRequest): void;
  /** A kill during the delay cancels the action. A pause postpones the action until the server resumes. */
  schedule(delayMs: number, action: () => void): void;
}
