import type { Clock } from '../core/clock.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { RegistryConnection } from '../registry-client/connection.js';
import type { Hashing } from '../protocol/launch-proof.js';

/** The current process, as an advertised service uses it. */
export interface ProcessPort {
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Reads the first line of standard input. Resolves with an empty string when standard input has no line. Called
   * once.
   */
  readFirstLine(): Promise<string>;
  /**
   * Calls `callback` at the first SIGTERM. That SIGTERM then does not end the process.
   *
   * @returns a function that removes the callback
   */
  onSigterm(callback: () => void): () => void;
  /**
   * Ends the process by SIGTERM as if SIGTERM had not been handled. Has no effect if the program listens for SIGTERM
   * too.
   */
  exitBySigterm(): void;
  exit(code: number): void;
  /** Prints a warning for operators. Called when the program has set no logger. */
  warn(message: string): void;
}

/**
 * The functions of the outside world that the service side uses. Tests inject a runtime with virtual time and
 * in-memory connections.
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
