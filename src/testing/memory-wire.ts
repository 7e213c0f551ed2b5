/** How a connection in memory and the server at its other end see each other. */
import type { MemoryRequest, Treatment } from './memory-request.js';

/** A connection as its server sees it. */
export interface Wire {
  /** Cuts it; the client hears of it a little later. */
  breakOff(error: Error): void;
}

/** What a connection brings to a server. */
export interface Delivery {
  readonly request: MemoryRequest;
  readonly callId: string | undefined;
  readonly connection: Wire;
  /** Sends the answer, or as much of it as there will be. */
  answer(treatment: Treatment, broken: boolean): void;
  /** Gives it back unprocessed; the connection goes on. */
  refuse(): void;
}

/** A server as its connections see it. */
export interface Host {
  /** The connection now stands. */
  connected(connection: Wire): void;
  /** The connection is gone. */
  disconnected(connection: Wire): void;
  /** A request has arrived. */
  receive(delivery: Delivery): void;
  /** Acts when the time has come, unless the process was killed; a paused one acts when it goes on. */
  later(delayMs: number, act: () => void): void;
}
