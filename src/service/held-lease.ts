/**
 * A lease as its holder counts it: from when the renewal was sent, on both clocks, and less than the registry grants. So
 * the holder is never the last to know.
 *
 * @see promises C1.3, C5.3
 */
import type { Clock, Timer } from '../core/clock.js';

/** Of a lease, the holder trusts all but this. @see promises C5.3 */
const margin = 0.1;

/** See the file's header. Keeps no process alive. */
export class HeldLease {
  readonly #clock: Clock;
  readonly #onLost: () => void;
  #trustedMs = 0;
  #from = 0;
  #wallFrom = 0;
  #timer: Timer | undefined;

  /** @param onLost - called when it was not renewed in time; not after {@link release} */
  constructor(clock: Clock, onLost: () => void) {
    this.#clock = clock;
    this.#onLost = onLost;
  }

  /**
   * It was granted, or renewed.
   *
   * @param sentAt - when that was asked for, on the monotonic clock
   */
  hold(sentAt: number, leaseMs: number): void {
    const clock = this.#clock;
    const now = clock.now();
    this.#trustedMs = leaseMs * (1 - margin);
    this.#from = sentAt;
    this.#wallFrom = clock.wallNow() - (now - sentAt);
    this.release();
    this.#timer = clock.setTimer(this.#onLost, sentAt + this.#trustedMs - now);
    this.#timer.setRef(false);
  }

  /** By either clock: after a machine has slept, the monotonic one may know nothing of it. */
  get isOverdue(): boolean {
    const clock = this.#clock;
    return clock.now() - this.#from >= this.#trustedMs || clock.wallNow() - this.#wallFrom >= this.#trustedMs;
  }

  /** Nobody needs to be told of its end any more. */
  release(): void {
    this.#timer?.cancel();
  }
}
