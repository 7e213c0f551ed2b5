import type { ConnectionLimit } from '../core/transport.js';
import type { AttemptRecord } from './attempt-log.js';
import type { UploadProgress } from './upload-progress.js';

export interface CallAttempt extends AttemptRecord {
  readonly startedAt: number;
  /**
   * Time from which the attempt timeout counts: the start of the attempt, the last written part of the request, or the
   * last 1xx response, whichever is latest.
   */
  sentAt: number;
  /** Time of the next check by the call; `Infinity` if only the deadline of the call limits the attempt. */
  checkAt: number;
  readonly upload?: UploadProgress | undefined;
  /** Returns the time at which the attempt is late. An upload may extend `timeoutMs`. */
  dueAt(timeoutMs: number, now: number): number;
  isLate: boolean;
  readonly isHeld: boolean;
  /**
   * Whether the attempt has ended or its connection was upgraded. After an upgrade, health is notified when the
   * socket closes.
   */
  ended: boolean;
  isRecorded: boolean;
  hasReservedRetry: boolean;
  queuedBy?(): ConnectionLimit | undefined;
}
