import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.js';

/** An output stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** What a command uses of its process: streams, environment, clock and interrupts. Tests pass their own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Data only. */
  readonly stdout: OutputStream;
  /** Progress and errors. */
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Version of this package. */
  readonly version: string;
  /**
   * A signal that is aborted at the first SIGINT or SIGTERM. After the first call of this function, the first signal no
   * longer terminates the process; a second one does.
   */
  interruptSignal(): AbortSignal;
}
