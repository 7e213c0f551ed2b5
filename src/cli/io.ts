import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.js';

export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly version: string;
  /** The first SIGINT or SIGTERM aborts the returned signal. The second one ends the process. */
  interruptSignal(): AbortSignal;
  /** Calls `callback` when the npx process that started this program ends. Does nothing if npx did not start it. */
  onNpxEnd(callback: () => void): void;
}
