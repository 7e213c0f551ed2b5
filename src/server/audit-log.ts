/** The port to the audit log; part of `ports.ts`. */
import type { ClerkError } from '../core/errors.js';
import type { AuditDetail, AuditLine, AuditResponse } from '../protocol/audit-messages.js';

/**
 * Fields of a line of the audit log: what was requested, by which client, and with which result. Long texts are
 * shortened.
 */
export type AuditEntry = Pick<
  AuditLine,
  'operation' | 'names' | 'principal' | 'key' | 'from' | 'right' | 'by' | 'result' | 'revision' | 'details'
>;

/** A change that the registry makes itself, such as the removal of an expired endpoint. */
export interface OwnChange {
  readonly operation: string;
  readonly names: readonly string[];
  readonly revision: number;
  readonly details?: Readonly<Record<string, AuditDetail>>;
}

export interface AuditQuery {
  /** Only lines from this time on, in ms since 1970. */
  readonly since: number | undefined;
  readonly after: string | undefined;
  readonly maxLines: number;
  readonly isWanted: (line: AuditLine) => boolean;
  /** Maximum time to wait for the first line, in ms. */
  readonly waitMs: number;
  /** Ends the wait when the signal is aborted. */
  readonly signal: AbortSignal;
}

/**
 * The audit log of a server, which records changes and rejected requests. It contains no secrets.
 *
 * @see [C7.9](../../docs/guarantees.md#c7-9)
 */
export interface AuditLog {
  /**
   * Error of the last write; undefined if the write succeeded. While it is defined, the server rejects changes with
   * this error.
   */
  readonly failure: ClerkError | undefined;
  /**
   * Called before a change that will be recorded. The caller must call the returned function when the change is
   * recorded or has failed. `close` waits up to 1 s for started changes.
   */
  startChange(): () => void;
  /**
   * Records a completed change. Resolves when the line is written and survives a crash of this process.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when the line cannot be written yet
   */
  recordChange(entry: AuditEntry): Promise<void>;
  recordOwnChange(change: OwnChange): void;
  /** Records or counts an issued ticket. Never throws. */
  recordTicket(entry: AuditEntry): void;
  /** Records or counts a request that failed. Never throws. */
  recordError(kind: 'refusal' | 'failure', entry: AuditEntry): void;
  /** @throws {@link ClerkError} `CONFIG_INVALID` when `after` is not a position of this log */
  read(query: AuditQuery): Promise<AuditResponse>;
  /** Waits for started changes, writes the counts of rejected requests and of tickets, and closes the files. */
  close(): Promise<void>;
}
