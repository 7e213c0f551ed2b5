import type { ConnectionLimit } from '../core/transport.js';
import type { AttemptRecord } from './attempt-log.js';
import type { UploadProgress } from './upload-progress.js';

/** An attempt in flight, as its call sees it. */
export interface CallAttempt extends AttemptRecord {
  readonly startedAt: number;
  /**
   * Time from which the attempt timeout is measured. At first: the start of the attempt. Later: the last time at which
   * the request or a part of its body was sent, or an informational response (1xx) arrived.
   */
  sentAt: number;
  /**
   * Time at which the call checks the attempt again; `Infinity` if only the deadline of the call limits the attempt.
   */
  checkAt: number;
  /** The upload of the request body; undefined if the upload is not tracked, or has not started. */
  readonly upload?: UploadProgress | undefined;
  /**
   * Returns the time at which the attempt has passed its attempt timeout.
   *
   * @param timeoutMs - the attempt timeout, which may be extended during and after an upload
   */
  dueAt(timeoutMs: number, now: number): number;
  /** Whether the attempt has passed its attempt timeout. */
  isLate: boolean;
  /** Whether the headers of the final response have arrived. If true, the attempt counts as held until it ends. */
  readonly isHeld: boolean;
  /**
   * Whether the end of the attempt was reported to health or, after an upgrade, will be reported when the socket
   * closes.
   */
  ended: boolean;
  /** Whether the outcome of the attempt was recorded. */
  isRecorded: boolean;
  /** Whether a retry of the budget is reserved for the attempt and not spent yet. */
  hasReservedRetry: boolean;
  /**
   * Returns the limit because of which an unsent attempt waits for a connection; undefined if no limit has been
   * reached.
   */
  queuedBy?(): ConnectionLimit | undefined;
}
