import { ClerkError } from '../core/errors.js';

export class CallTracker {
  #count = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  /** @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed */
  assertOpen(): void {
    if (this.#isClosed) throw clerkClosedError();
  }

  /**
   * The caller must later call `finish`.
   * @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed
   */
  start(): void {
    this.assertOpen();
    this.#count++;
  }

  finish(): void {
    if (--this.#count === 0) this.#onIdle?.();
  }

  close(): void {
    this.#isClosed = true;
  }

  get inFlight(): number {
    return this.#count;
  }

  /** May be called once, while calls are in flight. Also resolves after {@link CallTracker.stopWaiting}. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  stopWaiting(): void {
    this.#onIdle?.();
  }
}

export function clerkClosedError(): ClerkError {
  return new ClerkError('CLERK_CLOSED', 'The clerk is closed; create a new one with createClerk()');
}
