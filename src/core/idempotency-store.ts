/**
 * The port of the store behind `atMostOnce`. A call that began is never begun a second time, even if its response is lost.
 *
 * @see [C3.6](../../docs/guarantees.md#c3-6)
 */

/** A response that is replayed to retries of the same call. */
export interface StoredResponse {
  /** HTTP status, 200 or above. */
  readonly status: number;
  /** Names in lower case; a name may occur several times. Without hop-by-hop headers. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The complete body; may be empty. */
  readonly body: Uint8Array;
}

/** A call that is about to run. */
export interface CallRecord {
  /** Idempotency key, the same over all attempts; 46 or 47 printable characters. */
  readonly id: string;
  /** When the client created the call, in ms since 1970. Part of the id. */
  readonly createdAt: number;
  /** Digest of the request. Two calls with one id and different fingerprints are a client error. */
  readonly fingerprint: string;
  /** Instance and incarnation that runs the call. An opaque string of at most 200 printable characters. */
  readonly owner: string;
}

/** What a store knows of an id. */
export type CallLookup = NewCall | ExpiredCall | RunningCall | InterruptedCall | DoneCall;

/** The id was unknown. It is recorded as running now, and the caller of `begin` runs the call. */
export interface NewCall {
  /** Discriminant. */
  readonly state: 'new';
}

/** The id is not newer than the newest expired record, so its record may have been removed. */
export interface ExpiredCall {
  /** Discriminant. */
  readonly state: 'expired';
}

/** The call began, and no result is recorded. */
export interface RunningCall {
  /** Discriminant. */
  readonly state: 'running';
  /** Fingerprint given to `begin`. */
  readonly fingerprint: string;
  /** Owner given to `begin`. */
  readonly owner: string;
}

/** The call began and ended without a response. */
export interface InterruptedCall {
  /** Discriminant. */
  readonly state: 'interrupted';
  /** Fingerprint given to `begin`. */
  readonly fingerprint: string;
}

/** The call ran and produced a response. */
export interface DoneCall {
  /** Discriminant. */
  readonly state: 'done';
  /** Fingerprint given to `begin`. */
  readonly fingerprint: string;
  /** Undefined when the response was too large to store or is no longer stored. */
  readonly response: StoredResponse | undefined;
}

/** How a call ended. */
export type CallResult = Omit<InterruptedCall, 'fingerprint'> | Omit<DoneCall, 'fingerprint'>;

/**
 * Records calls by their ids. `idempotencyStoreSuite` of `binding-clerk/testing` checks an implementation.
 *
 * All methods may be called at any time and concurrently, and reject when they fail. Rejection messages are logged, so they
 * must not contain a fingerprint, a body or a header.
 */
export interface IdempotencyStore {
  /** Whether records survive the end of the process, including a crash. */
  readonly isDurable: boolean;
  /**
   * Name shared by exactly the instances that share this store: 1 to 128 printable characters without spaces.
   * Undefined: only this process uses it.
   */
  readonly scope?: string | undefined;

  /**
   * Opens the store. Rejects when it cannot be used, such as a folder that is in use or a server that is down.
   * Called before a service is advertised. `begin` may be called before it or without it. May be called again.
   */
  open?(): Promise<void>;

  /**
   * Records that a call begins, unless its id is known. Of all concurrent calls with one id, from all instances that share
   * the store, exactly one resolves to `new`. A durable store keeps that record over any crash.
   *
   * Resolves to `expired`, never to `new`, for an id created before the newest expired record. When it rejects, the call
   * does not run; the id may be known nevertheless.
   *
   * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the store is full. A known record is never dropped for a new one.
   */
  begin(call: CallRecord): Promise<CallLookup>;

  /**
   * Records how a call ended. Called only by the process whose `begin` resolved to `new`. It is called again when a
   * response arrives after `interrupted`: `done` then replaces `interrupted`, and nothing replaces `done`. Does nothing
   * for an id that has expired.
   *
   * When it rejects, the record is unchanged.
   */
  end(id: string, result: CallResult): Promise<void>;

  /**
   * Removes the record of a `begin` that resolved to `new`, because the call did not and will not run. The id is unknown
   * afterwards. Not called after `end`.
   */
  withdraw(id: string): Promise<void>;

  /**
   * Removes all calls created before an instant, running ones included. Before the first one is removed, `begin` must
   * resolve to `expired` for every id that is not newer than it. That holds for ever, over restarts when the store is
   * durable, and does not depend on the clock. Ids created at that instant or later are not affected.
   *
   * @param createdBefore - in ms since 1970
   */
  expire(createdBefore: number): Promise<void>;

  /** Closes files and connections. Called by the program, which created the store. All methods reject afterwards. */
  close?(): Promise<void>;
}
