/** Ports to `node:cluster`, and the messages between workers and primary. */
import type { ServerLike } from '../server-addresses.js';

/** Distinguishes the messages of this library from the messages of the program. */
export const messageKey = 'binding-clerk';

export interface WorkerRequest {
  readonly [messageKey]: 'request';
  readonly sequence: number;
  readonly operation: string;
  readonly args: readonly unknown[];
}

/** Errors are encoded as in the protocol of the registry. */
export type PrimaryMessage =
  | {
      readonly [messageKey]: 'response';
      readonly sequence: number;
      readonly result?: unknown;
      readonly error?: unknown;
    }
  | {
      readonly [messageKey]: 'event';
      readonly group: string;
      readonly event: string;
      readonly payload: object;
    };

export interface WorkerSettings {
  readonly id: string;
  /** When the store of the primary was created, in ms since 1970. */
  readonly startedAt: number;
  readonly isDurable: boolean;
  readonly scope?: string;
}

export interface WorkerPort {
  readonly isWorker: boolean;
  /** JSON that the primary set before this worker started. */
  readonly settings: string | undefined;
  /** Whether other workers can share the listener of a server. */
  sharesListener(server: ServerLike): boolean;
  send(message: WorkerRequest): void;
  onMessage(listener: (message: unknown) => void): void;
}

export interface PrimaryPort {
  readonly isPrimary: boolean;
  readonly hasWorkers: boolean;
  readonly isCoordinated: boolean;
  setSettings(settings: string): void;
  /** Has no effect after the end of the worker. */
  send(worker: number, message: PrimaryMessage): void;
  isAlive(worker: number): boolean;
  onMessage(listener: (worker: number, message: unknown) => void): void;
  onExit(listener: (worker: number) => void): void;
}
