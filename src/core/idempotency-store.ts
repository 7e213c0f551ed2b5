/**
 * Port to the store behind `atMostOnce`, which runs each call of a service at most once. The store ensures that a call
 * never begins a second time, even if the response to the call is lost.
 *
 * @see [C3.6](../../docs/guarantees.md#c3-6)
 */

/** A stored response, which is replayed to retries of the same call. */
export interface StoredResponse {
  /** HTTP status, 200 or above. */
  readonly status: number;
  /** Headers as pairs, without hop-by-hop headers. Names are in lower case; a name may occur several times. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The complete body; may be empty. */
  readonly body: Uint8Array;
}

/** A call that is about to begin. */
export interface CallRecord {
  /** Idempotency key of the call, the same for all attempts; 46 or 47 printable characters. */
  readonly id: string;
  /** When the client created the call, in ms since 1970. The id contains the same number. */
  readonly createdAt: number;
  /**
   * Digest of the request. When a client sends the same id with another fingerprint, the client has used the id for two
   * calls, which is an error.
   */
  readonly fingerprint: string;
  /** Opaque name of the instance and incarnation that run the call; at most 200 printable characters. */
  readonly owner: string;
}

/** What the store has recorded about the call with an id. */
export type CallLookup = NewCall | ExpiredCall | RunningCall | InterruptedCall | DoneCall;

/**
 * Result of `begin` for an unknown id. The store has recorded the call as running, and the caller of `begin` must run
 * the call.
 */
export interface NewCall {
  /** Discriminant of the union. */
  readonly state: 'new';
}

/**
 * Result of `begin` for a call that was created no later than a call whose record `expire` has removed. A record of
 * this id may have been removed too, so the call must not run.
 */
export interface ExpiredCall {
  /** Discriminant of the union. */
  readonly state: 'expired';
}

/** The call has begun, and its result is not recorded yet. */
export interface RunningCall {
  /** Discriminant of the union. */
  readonly state: 'running';
  /** Fingerprint that was passed to `begin`. */
  readonly fingerprint: string;
  /** Owner that was passed to `begin`. */
  readonly owner: string;
}

/** The call began and ended without a response. */
export interface InterruptedCall {
  /** Discriminant of the union. */
  readonly state: 'interrupted';
  /** Fingerprint that was passed to `begin`. */
  readonly fingerprint: string;
}

/** The call ran and produced a response. */
export interface DoneCall {
  /** Discriminant of the union. */
  readonly state: 'done';
  /** Fingerprint that was passed to `begin`. */
  readonly fingerprint: string;
  /** The stored response; undefined when the response was too large to store or is no longer stored. */
  readonly response: StoredResponse | undefined;
}

/** How a call ended. */
export type CallResult = Omit<InterruptedCall, 'fingerprint'> | Omit<DoneCall, 'fingerprint'>;

/**
 * Store of call records by id. `idempotencyStoreSuite` of `binding-clerk/testing` checks an implementation.
 *
 * All methods may be called at any time and concurrently. A method that fails rejects. Rejection messages are logged,
 * so a message must not contain a fingerprint, a body or a header.
 */
export interface IdempotencyStore {
  /** Whether records survive the end of the process, including a crash. */
  readonly isDurable: boolean;
  /**
   * Name of this store, the same in all instances that share the store: 1 to 128 printable characters without spaces.
   * Undefined when only this process uses the store.
   */
  readonly scope?: string | undefined;

  /**
   * Opens the store; rejects when the store is unusable, such as a folder in use or a server that is down. Called
   * before a service is advertised. `begin` may be called without `open`, and `open` may be called repeatedly.
   */
  open?(): Promise<void>;

  /**
   * Records that a call begins, unless the id of the call is known. Of all concurrent `begin`s of one id, from all
   * instances that share the store, exactly one resolves to `new`. In a durable store, the record survives any crash.
   *
   * Resolves to `expired`, never to `new`, for a call that was created no later than a call whose record `expire` has
   * removed. When `begin` rejects, the caller does not run the call, although the store may have recorded the call.
   *
   * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the store is full. The store never drops a record to make room for
   * a new record.
   */
  begin(call: CallRecord): Promise<CallLookup>;

  /**
   * Records how a call ended. Called only by the process whose `begin` resolved to `new`. Called again, with `done`,
   * when the response arrives after the call was recorded as `interrupted`. `done` replaces `interrupted`, and nothing
   * replaces `done`. Does nothing when `expire` has removed the record.
   *
   * When `end` rejects, the record is unchanged.
   */
  end(id: string, result: CallResult): Promise<void>;

  /**
   * Removes a record whose `begin` resolved to `new`, because the call did not run and will not run. The id is unknown
   * afterwards. `withdraw` is not called after `end`.
   */
  withdraw(id: string): Promise<void>;

  /**
   * Removes the records of all calls created before `createdBefore`, including running calls. After a record was
   * removed, `begin` must resolve to `expired` for every call that was created no later than the removed call. The
   * store must ensure this before removing the record, for ever, and without reading a clock. In a durable store, this
   * must also hold after a restart. Calls created at `createdBefore` or later are not affected.
   *
   * @param createdBefore - the limit, in ms since 1970
   */
  expire(createdBefore: number): Promise<void>;

  /**
   * Closes files and connections; all methods reject afterwards. Called by the program that created the store, never by
   * this library.
   */
  close?(): Promise<void>;
}
