/**
 * A lease as its holder counts it: from when the renewal was sent, on both clocks, and less than the registry grants. So
 * the holder is never the last to know.
 *
 * @see promises C1.3, C5.3
 */
import type { Clock, Timer } from '../core/clock.js';

/** Of a lease, the holder trusts all but this. @see promises C5.3 */
const safetyShare = 0.1;

/** See the file's header. Keeps no process alive. */
export class LeaseTimer {
  readonly #clock: Clock;
  readonly #onLost: () => void;
  #trustedMs = 0;
  #startedAt = 0;
  #wallStartedAt = 0;
  #timer: Timer | undefined;

  /** @param onLost - called when it was not renewed in time; not after {@link stop} */
  constructor(clock: Clock, onLost: () => void) {
    this.#clock = clock;
    this.#onLost = onLost;
  }

  /**
   * It was granted, or renewed.
   *
   * @param sentAt - when that was asked for, on the monotonic clock
   */
  renew(sentAt: number, leaseMs: number): void {
    const clock = this.#clock;
    const now = clock.now();
    this.#trustedMs = leaseMs * (1 - safetyShare);
    this.#startedAt = sentAt;
    this.#wallStartedAt = clock.wallNow() - (now - sentAt);
    this.stop();
    this.#timer = clock.setTimer(this.#onLost, sentAt + this.#trustedMs - now);
    this.#timer.setRef(false);
  }

  /** By either clock: after a machine has slept, the monotonic one may know nothing of it. */
  get isExpired(): boolean {
    const clock = this.#clock;
    return (
      clock.now() - this.#startedAt >= this.#trustedMs ||
      clock.wallNow() - this.#wallStartedAt >= this.#trustedMs
    );
  }

  /** Nobody needs to be told of its end any more. */
  stop(): void {
    this.#timer?.cancel();
  }
}
