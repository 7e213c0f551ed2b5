import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.js';

/** An output stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/**
 * The parts of the process that a command uses: streams, environment, clock and interrupts. Tests inject other
 * streams, clocks and signals.
 */
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
   * Returns a signal that is aborted at the first SIGINT or SIGTERM. Once this function was called, the first SIGINT
   * or SIGTERM does not terminate the process, but the second one does.
   */
  interruptSignal(): AbortSignal;
}
