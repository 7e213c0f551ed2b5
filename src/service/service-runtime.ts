import type { Clock } from '../core/clock.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { RegistryConnection } from '../registry-client/connection.js';
import type { Hashing } from '../protocol/launch-proof.js';

/** The current process, as an advertised service uses it. */
export interface ProcessPort {
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Reads the first line of standard input; resolves with an empty string when there is none. Called once.
   */
  readFirstLine(): Promise<string>;
  /**
   * Calls `callback` at the first SIGTERM, which then does not end the process. Returns a function that
   * removes it.
   */
  onSigterm(callback: () => void): () => void;
  /**
   * Ends the process by SIGTERM as if it had not been handled, unless the program listens for SIGTERM too.
   */
  exitBySigterm(): void;
  exit(code: number): void;
  /** Prints a warning for operators, where the program set no logger. */
  warn(message: string): void;
}

/**
 * What the service side needs of the outside world, injected so that it runs in virtual time and in memory.
 */
export interface ServiceRuntime {
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly retry: RetryLoop;
  readonly process: ProcessPort;
  /**
   * Opens a connection to one registry server. @throws {@link ClerkError} `CONFIG_INVALID` when the URL is
   * invalid
   */
  readonly connect: (url: string) => RegistryConnection;
  /** Total active time of this thread's event loop, in ms. */
  readonly eventLoopActiveMs: () => number;
  /** Addresses of this host that others can reach, IPv4 first, as literals without brackets. */
  readonly hostAddresses: () => readonly string[];
}
