/** What advertising needs of the world: handed in, so that it runs in virtual time and in a test's memory. */
import type { Clock } from '../core/clock.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { RegistryConnection } from '../registry-client/connection.js';
import type { Hashing } from '../protocol/launch-proof.js';

/** This process, as a service sees it. */
export interface ProcessPort {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The first line of standard input; empty when there is none. Asked once. */
  readFirstLine(): Promise<string>;
  /** Calls back once, at the first SIGTERM; until then the process does not end by it. Returns what takes it back. */
  onSigterm(callback: () => void): () => void;
  /** Ends the process by SIGTERM, as if nobody had waited for it, unless somebody else still listens for that. */
  exitBySigterm(): void;
  /** Ends the process. */
  exit(code: number): void;
  /** Says something that an operator should see, where the program has given no logger. */
  warn(message: string): void;
}

/** See the file's header. */
export interface ServiceRuntime {
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly retry: RetryLoop;
  readonly process: ProcessPort;
  /** Makes what carries questions to one registry server. @throws a `ClerkError` `CONFIG_INVALID` */
  readonly connect: (url: string) => RegistryConnection;
  /** For how long this thread's event loop has worked so far, in ms: all of the time but what it waited. */
  readonly eventLoopActiveMs: () => number;
  /** Addresses of this host that others can reach, IPv4 first, as literals without brackets. */
  readonly hostAddresses: () => readonly string[];
}
