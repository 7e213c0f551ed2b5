/** The port to the audit log; part of `ports.ts`. */
import type { ClerkError } from '../core/errors.js';
import type { AuditDetail, AuditLine, AuditResponse } from '../protocol/audit-messages.js';

/** Who did what. Long texts are cut. */
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
  /** In ms since 1970. */
  readonly since: number | undefined;
  readonly after: string | undefined;
  readonly maxLines: number;
  readonly isWanted: (line: AuditLine) => boolean;
  /** Maximum time to wait for the first line. */
  readonly waitMs: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/**
 * Record of the changes and refusals of a server. It contains no secret.
 *
 * @see [C7.9](../../docs/guarantees.md#c7-9)
 */
export interface AuditLog {
  /** Defined while lines cannot be written. The server then refuses changes with this error. */
  readonly failure: ClerkError | undefined;
  /**
   * Called before a change that will be recorded; the result is called after its record, or after it has failed. `close`
   * waits up to 1 s for started changes.
   */
  startChange(): () => void;
  /**
   * Records a completed change. Resolves when the line survives the end of this process.
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
  /** Waits for started changes, writes the counts of the current minute and hour, and closes the files. */
  close(): Promise<void>;
}
