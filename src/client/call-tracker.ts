import { ClerkError } from '../core/errors.js';

export class CallTracker {
  #count = 0;
  #isClosed = false;
  #isDestroyed = false;
  #onIdle: (() => void) | undefined;

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether `destroy` was called. */
  get isDestroyed(): boolean {
    return this.#isDestroyed;
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.#isDestroyed;
  }

  /** @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed */
  assertOpen(): void {
    if (!this.isOpen) throw clerkClosedError();
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

  destroy(): void {
    this.#isDestroyed = true;
  }

  get inFlight(): number {
    return this.#count;
  }

  /**
   * Resolves when no call is in flight, or after {@link CallTracker.stopWaiting}. May be called only once, while
   * calls are in flight.
   */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  stopWaiting(): void {
    this.#onIdle?.();
  }
}

export function clerkClosedError(): ClerkError {
  return new ClerkError('CLERK_CLOSED', 'The clerk is closed; create a new clerk with createClerk()');
}
