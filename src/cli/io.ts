import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.js';

/** An output stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Streams, environment, clock and interrupts of the process, as a command uses them. Tests pass substitutes. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Standard output, for data only. */
  readonly stdout: OutputStream;
  /** Standard error, for progress and errors. */
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Version of this package. */
  readonly version: string;
  /**
   * Returns a signal that is aborted at the first SIGINT or SIGTERM. Once this function has been called, the first
   * SIGINT or SIGTERM does not terminate the process. The second SIGINT or SIGTERM does.
   */
  interruptSignal(): AbortSignal;
}
