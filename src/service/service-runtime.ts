import type { Clock } from '../core/clock.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { RegistryConnection } from '../registry-client/connection.js';
import type { Hashing } from '../protocol/launch-proof.js';

/** The members of the current process that advertised services use. */
export interface ProcessPort {
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Reads the first line of standard input. Resolves with an empty string when standard input is empty. Called at most
   * once.
   */
  readFirstLine(): Promise<string>;
  /**
   * Calls `callback` at the first SIGTERM. The first SIGTERM then does not end the process.
   *
   * @returns a function that removes the callback
   */
  onSigterm(callback: () => void): () => void;
  /**
   * Ends the process by SIGTERM, as if `onSigterm` had not been called. Has no effect if the program has its own
   * SIGTERM listener.
   */
  exitBySigterm(): void;
  exit(code: number): void;
  /** Prints a warning for operators. Called when the program has set no logger. */
  warn(message: string): void;
}

/**
 * The external functions that advertised services need: clock, hashing, process and network. Tests inject a runtime
 * with virtual time and in-memory connections.
 */
export interface ServiceRuntime {
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly retry: RetryLoop;
  readonly process: ProcessPort;
  /**
   * Opens a connection to one registry server.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the URL is invalid
   */
  readonly connect: (url: string) => RegistryConnection;
  /** Returns the total active time of this thread's event loop, in ms. */
  readonly eventLoopActiveMs: () => number;
  /** Returns the addresses of this host that other hosts can reach, IPv4 first. IPv6 addresses have no brackets. */
  readonly hostAddresses: () => readonly string[];
}
