import type { AttemptRecord } from './attempt-log.js';

/** An attempt in flight, as its call sees it. */
export interface CallAttempt extends AttemptRecord {
  readonly startedAt: number;
  /** When the attempt timeout began: at the last byte of the request, before that at the start of the attempt. */
  sentAt: number;
  /** When the call looks at the attempt again; `Infinity` if only the deadline of the call limits the attempt. */
  checkAt: number;
  /** Whether the request body is still being written. */
  readonly isUploading: boolean;
  /** Whether the attempt has passed its attempt timeout. */
  isLate: boolean;
  /** Whether the head of a response has arrived, so that the attempt counts as held until it ends. */
  readonly isHeld: boolean;
  /** Whether the end of the attempt was reported to health, or is reported when its socket closes. */
  ended: boolean;
  /** Whether the outcome of the attempt was recorded. */
  isRecorded: boolean;
  /** Whether a retry of the budget is reserved for the attempt and not spent yet. */
  hasReservedRetry: boolean;
}
