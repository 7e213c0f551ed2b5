import type { Clock, Timer } from '../core/clock.js';

/** Share of a lease that the service does not rely on. */
const safetyShare = 0.1;

/**
 * A lease as its holder counts it: from when the renewal was sent, on both clocks, and 10 % shorter than
 * granted. So the holder notices a lost lease before the registry does. Does not keep the process alive.
 *
 * @see [C1.3](../../docs/guarantees.md#c1-3), [C5.3](../../docs/guarantees.md#c5-3)
 */
export class LeaseTimer {
  readonly #clock: Clock;
  readonly #onLost: () => void;
  #trustedMs = 0;
  #startedAt = 0;
  #wallStartedAt = 0;
  #timer: Timer | undefined;

  /** @param onLost - called when the lease was not renewed in time; not called after {@link stop} */
  constructor(clock: Clock, onLost: () => void) {
    this.#clock = clock;
    this.#onLost = onLost;
  }

  /**
   * Starts the lease, or extends it.
   *
   * @param sentAt - when the request was sent, on the monotonic clock
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

  /** By either clock: the monotonic one may not have advanced while the machine slept. */
  get isExpired(): boolean {
    const clock = this.#clock;
    return (
      clock.now() - this.#startedAt >= this.#trustedMs ||
      clock.wallNow() - this.#wallStartedAt >= this.#trustedMs
    );
  }

  /** Cancels the timer. */
  stop(): void {
    this.#timer?.cancel();
  }
}
