import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import { escapingLogger, type Logger } from '../core/logger.js';
import type { EndSignal } from '../core/end-signal.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { RegistryConnection } from '../registry-client/connection.js';
import type { WorkerPort } from './cluster/cluster-messages.js';
import type { PrimaryLink } from './cluster/primary-link.js';
import type { RegistryProof, RegistryProofRuntime } from './registry-proof.js';
import type { SharedListenerCheckOptions } from './shared-listener-check.js';
import type { Hashing } from '../protocol/launch-proof.js';

export interface ProcessPort {
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Reads the first line of standard input. Resolves to an empty string without input. Later calls get the same line.
   */
  readFirstLine(): Promise<string>;
  /**
   * Calls `callback` at each SIGTERM and SIGINT. While a callback is registered, these signals do not end the process.
   * Returns a function that removes `callback`.
   */
  onEndSignal(callback: (signal: EndSignal) => void): () => void;
  /**
   * Ends the process as `signal` does. Does nothing if the program has its own listener for `signal`, unless `always`
   * is true.
   */
  endBySignal(signal: EndSignal, always: boolean): void;
  exit(code: number): void;
  warn(message: string): void;
}

export interface ServiceRuntime {
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly retry: RetryLoop;
  readonly process: ProcessPort;
  /** With `proof`, the service and the registry prove their keys to each other. */
  readonly connect: (url: string, proof: RegistryProof | undefined) => RegistryConnection;
  readonly openIdentity: RegistryProofRuntime['openIdentity'];
  readonly knownRegistries?: RegistryProofRuntime['knownRegistries'];
  /**
   * Whether a connection to a service succeeds before `signal` aborts. Default: the addresses of services are not
   * checked.
   */
  readonly acceptsConnection?: (address: Address, signal: AbortSignal) => Promise<boolean>;
  /** Default: the service does not check whether other processes share its listener. */
  readonly askInstance?: SharedListenerCheckOptions['askInstance'];
  readonly cluster?: {
    readonly port: WorkerPort;
    readonly link: PrimaryLink | undefined;
  };
  readonly eventLoopActiveMs: () => number;
}

export function processLogger({ warn }: Pick<ProcessPort, 'warn'>): Logger {
  const ignore = (): void => undefined;
  return escapingLogger({ debug: ignore, info: ignore, warn, error: warn });
}
