import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.js';
import type { RegistryConnection } from '../registry-client/connection.js';

/** An output stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** The streams, environment, clock, connections and interrupts of the process. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Opens a connection to one registry server. */
  readonly connect: (url: string) => RegistryConnection;
  readonly version: string;
  /** Returns a signal that the first SIGINT or SIGTERM aborts. The second SIGINT or SIGTERM ends the process. */
  interruptSignal(): AbortSignal;
}
