/** What advertising needs of the world: handed in, so that it runs in virtual time and in a test's memory. */
import type { Clock } from '../core/clock.js';
import type { Retry } from '../core/retry.js';
import type { Peer } from '../wire/peer.js';
import type { Hashing } from '../wire/proof.js';

/** This process, as a service sees it. */
export interface OwnProcess {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The first line of standard input; empty when there is none. Asked once. */
  firstLine(): Promise<string>;
  /** Calls back once, at the first SIGTERM; until then the process does not end by it. Returns what takes it back. */
  onTerm(callback: () => void): () => void;
  /** Ends the process by SIGTERM, as if nobody had waited for it, unless somebody else still listens for that. */
  endByTerm(): void;
  /** Ends the process. */
  exit(code: number): void;
  /** Says something that an operator should see, where the program has given no logger. */
  warn(message: string): void;
}

/** See the file's header. */
export interface Surroundings {
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly retry: Retry;
  readonly process: OwnProcess;
  /** Makes what carries questions to one registry server. @throws a `ClerkError` `CONFIG_INVALID` */
  readonly connect: (url: string) => Peer;
  /** For how long this thread's event loop has worked so far, in ms: all of the time but what it waited. */
  readonly busyMs: () => number;
  /** Addresses of this host that others can reach, IPv4 first, as literals without brackets. */
  readonly hostAddresses: () => readonly string[];
}
