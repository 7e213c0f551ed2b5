/** Lines of the audit log, and the messages with which a client reads them. */

/**
 * - `change`: a completed change; `result` is `ok`.
 * - `failure`: a change that failed, and may have had an effect; `result` is the error code.
 * - `refusal`: a refused request; `result` is the error code.
 * - `refusals`: further refusals or failures of one minute; `count` is their number.
 * - `ticket`: a ticket was issued, the first one of a key for a service in this hour.
 * - `tickets`: further tickets of one hour; `count` is their number.
 * - `gap`: lines may be missing.
 * - `start`, `stop`: the server started or stopped writing the log.
 */
export type AuditKind =
  'change' | 'failure' | 'refusal' | 'refusals' | 'ticket' | 'tickets' | 'gap' | 'start' | 'stop';

/** A value in the details of a line. */
export type AuditDetail = string | number | boolean | readonly string[];

/** One line of the audit log. No field contains a secret. */
export interface AuditLine {
  /**
   * Sequence number. Increases with each line, and is never used twice, even after a restore. Numbers may be missing
   * before a `gap` line and before a `start` line.
   */
  readonly seq: number;
  /** Wall-clock time, as ISO 8601. */
  readonly at: string;
  /** What the line records. */
  readonly kind: AuditKind;
  /** What was requested, such as `define` or `register`. */
  readonly operation?: string;
  /** The names that the request contains, at most 16. */
  readonly names?: readonly string[];
  /** Number of names in the request, if `names` does not contain all of them. */
  readonly nameCount?: number;
  /**
   * The principal that made the request, or `registry` for a change that the registry makes itself. In a registry
   * without keys, the address of the client, such as `address:127.0.0.1`. Absent if the client has no enrolled key.
   */
  readonly principal?: string;
  /** Pin of the key that the connection has proved. */
  readonly key?: string;
  /** IP address of the client. */
  readonly from?: string;
  /** The right that the operation needs. */
  readonly right?: string;
  /**
   * What gives the right to the principal: a grant as `<directory>: <principal> on <path>`, or `own name`, `token` or
   * `former key`.
   */
  readonly by?: string;
  /** `ok`, or the code of the error. */
  readonly result?: string;
  /** Revision of the registry after the change. `stop`: the last revision. */
  readonly revision?: string;
  /** Further facts about the request, by name. */
  readonly details?: Readonly<Record<string, AuditDetail>>;
  /** `refusals`, `tickets`: number of requests. */
  readonly count?: number;
  /** `refusals`, `tickets`: time of the first counted request. `gap`: time from which lines may be missing. */
  readonly since?: string;
  /** `gap`: sequence number from which lines may be missing, up to the number of this line. */
  readonly missingFrom?: number;
}

/** Query of GET `/v1/audit`. */
export interface AuditRequest {
  /** Only lines from this time on, as ISO 8601. */
  readonly since?: string;
  /** Only lines of this principal. */
  readonly principal?: string;
  /** Only lines whose `names` contain this name, or a name below it. */
  readonly name?: string;
  /** The page begins after this position: `next` of the previous page, or the `seq` of a line. */
  readonly after?: string;
  /** Maximum number of lines, 1 to 1,000. Default 100. */
  readonly limit?: string;
  /** Maximum time to wait for the first line, in ms, 0 to 20,000. Default 0. */
  readonly waitMs?: string;
}

export interface AuditResponse {
  /** Oldest first. May be empty before the end of the log. */
  readonly lines: readonly AuditLine[];
  /** The value of `after` for the next page. */
  readonly next: string;
  /** Whether the log has lines after this page. */
  readonly more: boolean;
}
