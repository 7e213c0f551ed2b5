import { ClerkError } from '../core/errors.js';

/** Counts the calls of a clerk that are in flight, and rejects new calls after the clerk was closed. */
export interface CallTracker {
  /**
   * Checks that the clerk is open.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed
   */
  assertOpen(): void;
  /**
   * Counts a call as started.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed
   */
  start(): void;
  /** Counts a call as finished. */
  finish(): void;
}

/** The implementation of {@link CallTracker}, which can also wait for the calls in flight. */
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

  /** Closes the tracker: `start` and `assertOpen` throw from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Whether any call of the clerk is in flight. */
  get isBusy(): boolean {
    return this.#count > 0;
  }

  /**
   * Resolves when the last call has finished or {@link InFlightCalls.stopWaiting} is called. Call this method once,
   * and only while calls are in flight.
   */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  /** Resolves the promise of {@link InFlightCalls.whenIdle} even if calls are still in flight. */
  stopWaiting(): void {
    this.#onIdle?.();
  }
}

/** Creates the error for a call that is made after the clerk was closed. */
export function clerkClosedError(): ClerkError {
  return new ClerkError('CLERK_CLOSED', 'The clerk is closed; create a new one with createClerk()');
}
