/** What a command has of the world: streams, environment, time, and the wish of the user to stop. Tests bring their own. */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.js';

/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** See the file's header. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Data, and nothing else. */
  readonly stdout: OutputStream;
  /** Progress and errors. */
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /**
   * Aborts when the user wants to stop (SIGINT, SIGTERM). From the first time it is asked for, a signal no longer ends the
   * process by itself; a second signal always does.
   */
  interruptSignal(): AbortSignal;
}
