import type { ConnectionLimit } from '../core/transport.js';
import type { AttemptRecord } from './attempt-log.js';
import type { UploadProgress } from './upload-progress.js';

/** An attempt in flight. */
export interface CallAttempt extends AttemptRecord {
  readonly startedAt: number;
  /**
   * When the attempt timeout began: at the start of the attempt, at the last written part of the request, or at the
   * last 1xx response.
   */
  sentAt: number;
  /**
   * Time at which the call checks the attempt again; `Infinity` if only the deadline of the call limits the attempt.
   */
  checkAt: number;
  /** Upload of the request body; undefined if the upload is not tracked or has not started. */
  readonly upload?: UploadProgress | undefined;
  /** Returns the time at which the attempt is late. An upload may extend `timeoutMs`. */
  dueAt(timeoutMs: number, now: number): number;
  /** Whether the attempt has passed its attempt timeout. */
  isLate: boolean;
  /** Whether the headers of the final response have arrived. */
  readonly isHeld: boolean;
  /** Whether health knows the end of the attempt. After an upgrade, health learns the end when the socket closes. */
  ended: boolean;
  isRecorded: boolean;
  /** Whether a retry of the retry budget is reserved for the attempt and not spent yet. */
  hasReservedRetry: boolean;
  /** Returns the connection limit for which an unsent attempt waits; undefined if no limit is reached. */
  queuedBy?(): ConnectionLimit | undefined;
}
