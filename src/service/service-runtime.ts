import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { EndSignal } from '../core/end-signal.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { RegistryConnection } from '../registry-client/connection.js';
import type { WorkerPort } from './cluster/cluster-ports.js';
import type { PrimaryLink } from './cluster/primary-link.js';
import type { Hashing } from '../protocol/launch-proof.js';

/** Functions of the process that advertised services use. */
export interface ProcessPort {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves with the first line of standard input; empty when there is none. Called at most once. */
  readFirstLine(): Promise<string>;
  /**
   * Calls `callback` at each SIGTERM and SIGINT, which then do not end the process. Returns a function that removes
   * `callback`.
   */
  onEndSignal(callback: (signal: EndSignal) => void): () => void;
  /**
   * Ends the process as `signal` does. A listener of the program for `signal` prevents the end, unless `always` is
   * true.
   */
  endBySignal(signal: EndSignal, always: boolean): void;
  exit(code: number): void;
  /** Prints a warning for operators. */
  warn(message: string): void;
}

/** Functions of the runtime that advertised services use. */
export interface ServiceRuntime {
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly retry: RetryLoop;
  readonly process: ProcessPort;
  /** Connects to one registry server. @throws {@link ClerkError} `CONFIG_INVALID` when the URL is invalid */
  readonly connect: (url: string) => RegistryConnection;
  /** This process as a worker of `node:cluster`, and its connection to a primary that coordinates its workers. */
  readonly cluster?: {
    readonly port: WorkerPort;
    readonly link: PrimaryLink | undefined;
  };
  /** Returns the total active time of the event loop of this thread, in ms. */
  readonly eventLoopActiveMs: () => number;
}

/** Returns the default logger, which prints warnings and errors for operators. */
export function processLogger({ warn }: Pick<ProcessPort, 'warn'>): Logger {
  const ignore = (): void => undefined;
  return { debug: ignore, info: ignore, warn, error: warn };
}
