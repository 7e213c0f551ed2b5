/**
 * The port of what a service remembers of calls that must run at most once. Everything that keeps the promise at the
 * end of the day is here: what was begun is never begun again, whatever else gets lost.
 *
 * @see promises C3.6
 */

/** An answer as it is given again. */
export interface StoredResponse {
  /** HTTP status, 200 or above. */
  readonly status: number;
  /** Names in lower case; a name may come several times. None belongs to one connection alone. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The whole body; empty when there is none. */
  readonly body: Uint8Array;
}

/** A call that is about to run. */
export interface CallRecord {
  /** Its id, the same over all attempts; 46 or 47 printable characters. */
  readonly id: string;
  /** When its client made it, in ms since 1970; a part of the id. */
  readonly createdAt: number;
  /** What it asks for, as a digest: two calls with one id and different fingerprints are a fault. */
  readonly fingerprint: string;
  /** Who runs it: which instance, and which life of it. At most 200 printable characters; to a store, just a text. */
  readonly owner: string;
}

/** What a store knows of an id; `state` tells which of five it is. */
export type CallLookup = NewCall | ExpiredCall | RunningCall | InterruptedCall | DoneCall;

/** Nothing was known until now: from now on it is running, and whoever asked runs it. */
export interface NewCall {
  /** Says so. */
  readonly state: 'new';
}

/** It may have been known once: its id is as old as something that was forgotten, or older. */
export interface ExpiredCall {
  /** Says so. */
  readonly state: 'expired';
}

/** It was begun and has not ended, as far as is known. */
export interface RunningCall {
  /** Says so. */
  readonly state: 'running';
  /** What it was begun with. */
  readonly fingerprint: string;
  /** Who began it. */
  readonly owner: string;
}

/** It was begun and ended without an answer. */
export interface InterruptedCall {
  /** Says so. */
  readonly state: 'interrupted';
  /** What it was begun with. */
  readonly fingerprint: string;
}

/** It ran and answered. */
export interface DoneCall {
  /** Says so. */
  readonly state: 'done';
  /** What it was begun with. */
  readonly fingerprint: string;
  /** Undefined where it was too large to keep, or was kept no longer. */
  readonly response: StoredResponse | undefined;
}

/** How a call ended. */
export type CallResult = Omit<InterruptedCall, 'fingerprint'> | Omit<DoneCall, 'fingerprint'>;

/**
 * Remembers calls by their ids. A suite, `callStoreSuite` in `binding-clerk/testing`, checks every implementation.
 *
 * All methods may be called at any time, many at once, and reject when they fail. What they reject with is logged, so
 * no message may hold an id's fingerprint, a body or a header.
 */
export interface IdempotencyStore {
  /** Whether what was begun is still known after this process has ended, by whatever means it ends. */
  readonly isDurable: boolean;
  /**
   * A name that all instances have in common who share this memory, and nobody else: 1 to 128 printable characters
   * without blanks. Undefined: this process alone uses it.
   */
  readonly scope?: string | undefined;

  /**
   * Makes it ready, and rejects where that cannot be: a folder that somebody else uses, a server that is not there.
   * Called before a service is advertised; `begin` may come before that and without it. May be called again.
   */
  open?(): Promise<void>;

  /**
   * Writes down that a call begins, unless its id is known. Of any number of questions with one id, from all who share
   * the store, exactly one is answered with `new`; and once it is, no crash that the store outlives takes that back.
   *
   * Says `expired` of an id born before what was forgotten, never `new`. When it rejects the call does not run; the
   * id may be known nevertheless.
   *
   * @throws a `ClerkError` `LIMIT_EXCEEDED` when there is no room: what is known is never dropped for something new
   */
  begin(call: CallRecord): Promise<CallLookup>;

  /**
   * Writes down how a call ended. Called only for calls that this process was told are `new`; more than once where an
   * answer comes after the call counted as `interrupted`: the later word counts, but nothing comes after `done`. Called for
   * ids that were forgotten meanwhile: it does nothing then.
   *
   * When it rejects, the call stays as it was.
   */
  end(id: string, result: CallResult): Promise<void>;

  /**
   * Takes back a `begin` that was answered with `new`: the call certainly did not run and will not. Its id is as
   * unknown afterwards as before. Not called after `end`.
   */
  withdraw(id: string): Promise<void>;

  /**
   * Forgets calls that were born before an instant, running ones included. Before the first of them is gone, `begin`
   * answers `expired` to every id born before it or with it: for ever, over restarts too where the store outlives
   * them, and whatever the clock says by then. Ids born at that instant or later are not concerned.
   *
   * @param createdBefore - ms since 1970
   */
  expire(createdBefore: number): Promise<void>;

  /** Lets go of files and connections. For the program, which made the store; everything rejects afterwards. */
  close?(): Promise<void>;
}
