/** Counts the calls of a clerk that are under way, and lets no more in once it is shut. */
import { ClerkError } from '../core/errors.js';
import type { CallTracker } from './clerk-context.js';

/** See the file's header. */
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

  /** Lets nobody in any more. */
  close(): void {
    this.#isClosed = true;
  }

  /** Whether calls are under way. */
  get isBusy(): boolean {
    return this.#count > 0;
  }

  /** Resolves when the last call is over, or when nobody is waited for any more. Asked once, while busy. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  /** Those inside are not waited for any more. */
  stopWaiting(): void {
    this.#onIdle?.();
  }
}

/** What whoever comes too late is told. */
export function clerkClosedError(): ClerkError {
  return new ClerkError('CLERK_CLOSED', 'The clerk is closed; make a new one with createClerk()');
}
