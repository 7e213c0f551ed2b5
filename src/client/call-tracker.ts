import { ClerkError } from '../core/errors.js';

/** Admits the calls of a clerk and counts those in flight. */
export interface CallTracker {
  /** @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed */
  assertOpen(): void;
  /** Counts a call as started. @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed */
  start(): void;
  /** Counts a call as finished. */
  finish(): void;
}

/** The calls in flight of one clerk. Admits none once it is closed. */
export class InFlightCalls implements CallTracker {
  #count = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  assertOpen(): void {
    if (this.#isClosed) throw clerkClosedError();
  }

  start(): void {
    this.assertOpen();
    this.#count++;
  }

  finish(): void {
    if (--this.#count === 0) this.#onIdle?.();
  }

  /** Rejects new calls from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Whether calls are in flight. */
  get isBusy(): boolean {
    return this.#count > 0;
  }

  /** Resolves when the last call has finished, or after {@link InFlightCalls.stopWaiting}. Call once, while busy. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  /** Resolves {@link InFlightCalls.whenIdle} although calls are in flight. */
  stopWaiting(): void {
    this.#onIdle?.();
  }
}

/** The error of a call that starts after the clerk was closed. */
export function clerkClosedError(): ClerkError {
  return new ClerkError('CLERK_CLOSED', 'The clerk is closed; create a new one with createClerk()');
}
