/**
 * One server of the interface, as whoever asks it sees it. What carries the questions is handed in, so that the same
 * client runs over sockets and in a test's memory.
 */
import type { ClerkError } from '../core/errors.js';

/** One question. With a body it is a POST of JSON, without one a GET. */
export interface RegistryRequest {
  /** One of `paths`. */
  readonly path: string;
  /** Of a GET. */
  readonly query?: Readonly<Record<string, string>>;
  /** What a POST sends, at most 64 KiB as JSON. */
  readonly body?: unknown;
  /** How long the server may take to begin its answer once it has the question, in ms. Default 3,000. */
  readonly headersTimeoutMs?: number;
}

/** An answer, whatever its status. */
export interface RegistryResponse {
  readonly status: number;
  /** Parsed; undefined where it was no JSON. */
  readonly body: unknown;
  /** As the head of the answer says; empty when it says none. */
  readonly revision: string;
  /** As {@link RegistryResponse.revision}. */
  readonly incarnation: string;
}

/** One event of a stream. */
export interface StreamEvent {
  readonly type: string;
  readonly id: string;
  /** Parsed. */
  readonly data: unknown;
}

/** Hears a stream. */
export interface StreamListener {
  /** Something arrived, if only a comment: the server lives. */
  onActivity(): void;
  /** One event, in order. Not called after `onEnd`. */
  onEvent(event: StreamEvent): void;
  /** The stream ended, or never began; the last call. Not called synchronously from `follow`, nor after `stop`. */
  onEnd(error: ClerkError): void;
}

/** One server. No connection to it ever keeps the process alive: whoever waits holds the process if need be. */
export interface RegistryConnection {
  /** Its address, for messages. */
  readonly url: string;
  /**
   * Asks. Resolves with the whole answer, a refusal included; rejects with `REGISTRY_UNREACHABLE` when none came in
   * time, with `REGISTRY_INVALID` when what came is none that this interface gives, and with the signal's reason when
   * that aborts.
   */
  request(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse>;
  /** Opens a stream of events on a connection of its own. Returns what ends it. */
  stream(request: RegistryRequest, listener: StreamListener): () => void;
  /** Lets go of all connections. Questions that are open fail. */
  close(): Promise<void>;
}
