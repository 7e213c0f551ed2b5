/**
 * Port to a database that several servers share, such as etcd or Postgres. Each implementation must pass
 * `test/server/shared-log/shared-log-suite.ts`.
 */

/** A point of a log: the end of one of its batches. The start of the log has position 0 and an empty identifier. */
export interface LogPoint {
  /** Number of the batch. The first batch of a log has number 1, and numbers have no gaps. */
  readonly position: number;
  /** Unique identifier of the batch, chosen by its writer: up to 64 characters of `0-9a-z-`. */
  readonly id: string;
}

export interface LogBatch extends LogPoint {
  /**
   * Text that the database does not interpret, up to 16 MiB in UTF-8. If the database has a lower limit, the adapter
   * must split the text.
   */
  readonly content: string;
}

/** All records that the batches up to a point have written. */
export interface LogSnapshot extends LogPoint {
  /** Texts that the database does not interpret, in order, up to 256 KiB each in UTF-8. */
  readonly parts: AsyncIterable<string>;
}

/**
 * A log of batches, with one snapshot, in a database that several servers use at the same time. Every method may be
 * called while other calls are in progress.
 *
 * A method rejects with a {@link ClerkError} `REGISTRY_UNREACHABLE` when the database has no leader, or does not
 * respond within the timeout of the adapter, at most 5 s. The message must say what to do. A rejected method may have
 * had its effect.
 */
export interface SharedLog {
  /** The database and the place in it, for messages, without secrets. Example: `etcd://10.0.0.7:2379/names`. */
  readonly subject: string;
  /**
   * Creates what the log needs in the database. Called once, before any other method.
   *
   * Rejects with a {@link ClerkError}: `CONFIG_INVALID` when another program uses the place, or a package is missing;
   * `FORBIDDEN` when the database rejects the user; `REGISTRY_INVALID` when a later release wrote the log.
   */
  open(): Promise<void>;
  /** Returns the latest snapshot; undefined if there is none yet. */
  readSnapshot(): Promise<LogSnapshot | undefined>;
  /**
   * Returns the batches after a position, in order and without a gap. The list begins with the next batch, and may omit
   * the last ones. Returns an empty list only if the head was at or before `position` at some instant during the call.
   * Returns `compacted` if the next batch existed and was removed.
   */
  readAfter(position: number): Promise<readonly LogBatch[] | 'compacted'>;
  /**
   * Returns the last batch of the log at some instant during the call, from all servers. Must be a linearizable read.
   */
  head(): Promise<LogPoint>;
  /**
   * Appends one batch if the last batch of the log has the position and the identifier of `after`. The batch gets the
   * next position. `appended`: the batch is durable in the database. `conflict`: this call has not appended the
   * batch, and never will. A call that rejects may still append the batch later, if `after` is the last batch at that
   * time.
   */
  append(after: LogPoint, id: string, content: string): Promise<'appended' | 'conflict'>;
  /**
   * Calls `listener` when the log may have new batches. Calls may be lost, late or unnecessary. Returns a function
   * that removes the listener.
   */
  onHint(listener: () => void): () => void;
  /**
   * Replaces the snapshot atomically, unless the present snapshot has the same or a later position. In both cases,
   * removes the batches up to `dropUpTo` afterwards, but none after the position of `point`.
   */
  saveSnapshot(point: LogPoint, parts: Iterable<string>, dropUpTo: number): Promise<void>;
  /**
   * Opens a session, which ends when it was not renewed for `ttlMs`. It must not end earlier. It may end later.
   *
   * @param id - identifier in the form of {@link LogPoint.id}, which no earlier session had
   */
  openSession(id: string, ttlMs: number): Promise<LogSession>;
  /** Returns the identifiers of all live sessions at some instant during the call. Must be a linearizable read. */
  sessions(): Promise<ReadonlySet<string>>;
  /** Closes the connections. Does not end sessions. Calls in progress may reject. */
  close(): Promise<void>;
}

/** A session of one server, which shows other servers that it is alive. The adapter does not renew it. */
export interface LogSession {
  /** Renews the session. Returns false when the session has ended. An ended session never becomes live again. */
  renew(): Promise<boolean>;
  /** Ends the session at once. */
  close(): Promise<void>;
}

export const emptyLog: LogPoint = Object.freeze({ position: 0, id: '' });
