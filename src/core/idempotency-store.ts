/** Port to the store behind `atMostOnce`. @see [C3.6](../../docs/guarantees.md#c3-6) */

/** The response of a call, stored for retries of the call. */
export interface StoredResponse {
  /** HTTP status, 200 or above. */
  readonly status: number;
  /** The headers of the response, except hop-by-hop headers. Names are in lower case and may repeat. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The complete body; may be empty. */
  readonly body: Uint8Array;
}

/** A call that is about to begin. */
export interface CallRecord {
  /** Idempotency key, the same for all attempts; 46 or 47 printable characters. */
  readonly id: string;
  /**
   * When the client created the call, in ms since 1970. The id contains the same time. If the key of the client states
   * no creation time, `createdAt` is later than the first request, by at most the retention window.
   */
  readonly createdAt: number;
  /** Digest of the request. One id with two fingerprints is an error of the client. */
  readonly fingerprint: string;
  /** Identifies the process that runs the call; at most 200 printable characters. */
  readonly owner: string;
  /**
   * The caller: a principal or an address, at most 300 characters. A store uses it to limit the share of one caller.
   * Absent if unknown. Need not be stored.
   */
  readonly caller?: string;
}

/** What the store has recorded about the call with the given id. */
export type CallLookup = NewCall | ExpiredCall | RunningCall | InterruptedCall | DoneCall;

/** The id was unknown. The call is now recorded as running, and the caller of `begin` must run the call. */
export interface NewCall {
  /** Discriminant of the union. */
  readonly state: 'new';
}

/** The record of the call may have expired, so the call must not run. */
export interface ExpiredCall {
  /** Discriminant of the union. */
  readonly state: 'expired';
}

/** The call has begun, and its result is not recorded yet. */
export interface RunningCall extends Pick<CallRecord, 'fingerprint' | 'owner'> {
  /** Discriminant of the union. */
  readonly state: 'running';
}

/** The call began and ended without a response. */
export interface InterruptedCall extends Pick<CallRecord, 'fingerprint'> {
  /** Discriminant of the union. */
  readonly state: 'interrupted';
}

/** The call ran and produced a response. */
export interface DoneCall extends Pick<CallRecord, 'fingerprint'> {
  /** Discriminant of the union. */
  readonly state: 'done';
  /** Undefined if the response was too large to store or is no longer stored. */
  readonly response: StoredResponse | undefined;
}

/** How a call ended. */
export type CallResult = Omit<InterruptedCall, 'fingerprint'> | Omit<DoneCall, 'fingerprint'>;

/** How full a store is. */
export interface StoreUsage {
  /** Number of stored calls. */
  readonly calls: number;
  /** Number of calls that fit. */
  readonly maxCalls: number;
  /** Size of all stored calls, in bytes; absent if only the number is limited. */
  readonly bytes?: number;
  /** Maximum size, in bytes. */
  readonly maxBytes?: number;
}

/**
 * Store of call records by id. All methods may be called at any time and concurrently. A method that fails rejects.
 * Error messages are logged, so they must not contain a fingerprint, a body or a header. `idempotencyStoreSuite` of
 * `binding-clerk/testing` checks an implementation.
 */
export interface IdempotencyStore {
  /** Whether records survive a crash of the process. */
  readonly isDurable: boolean;
  /**
   * Name of the store, the same in all instances that share the store; 1 to 128 printable characters without spaces.
   * Undefined if the store is not shared.
   */
  readonly scope?: string | undefined;
  /** Returns how much is stored, and how much fits. Absent or undefined if the store has no limit. */
  usage?(): StoreUsage | undefined;

  /**
   * Opens the store before a service is advertised; rejects if the store is unusable. `begin` may be called without
   * `open`, and `open` may be called repeatedly.
   */
  open?(): Promise<void>;

  /**
   * Records that a call begins, if its id is unknown. Of all concurrent `begin`s of one id, from all instances that
   * share the store, exactly one resolves to `new`. If `begin` rejects, the caller does not run the call.
   *
   * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the store is full. A full store never removes an old record for
   * a new call.
   */
  begin(call: CallRecord): Promise<CallLookup>;

  /**
   * Returns what is recorded about a call, and records nothing; undefined for an unknown id. Used when a caller has
   * reached its limit of recorded calls. Without this method, a request of such a caller is rejected even if its call
   * is recorded.
   */
  find?(id: string): Promise<CallLookup | undefined>;

  /**
   * Records how a call ended; called only by the process whose `begin` resolved to `new`. `done` replaces
   * `interrupted`, and nothing replaces `done`. Does nothing if `expire` has removed the record. If `end` rejects,
   * the record is unchanged.
   */
  end(id: string, result: CallResult): Promise<void>;

  /**
   * Removes the record of a call for which `begin` resolved to `new`, but which will not run. Not called after `end`.
   */
  withdraw(id: string): Promise<void>;

  /**
   * Removes the records of all calls that were created before `createdBefore`, in ms since 1970, even those of
   * running calls. From then on, `begin` must resolve to `expired` for every call as old as a removed call, or older.
   * The store must record this limit before it removes a record, and must never forget the limit. The store must not
   * read a clock.
   */
  expire(createdBefore: number): Promise<void>;

  /** Closes the store; all methods reject afterwards. Called by the program, never by this library. */
  close?(): Promise<void>;
}
