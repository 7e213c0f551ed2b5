import type { Clock, Timer } from '../core/clock.js';

/** Last share of a lease in which the service already treats the lease as expired. */
const safetyShare = 0.1;

/**
 * Determines when a service treats its lease as expired: 90 % of the lease after the last renewal was sent. The
 * monotonic clock or the wall clock decides, whichever is first. The registry removes the registration later. Does
 * not keep the process alive.
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

  /** @param onLost - called when the lease has expired, unless {@link stop} was called */
  constructor(clock: Clock, onLost: () => void) {
    this.#clock = clock;
    this.#onLost = onLost;
  }

  /** @param sentAt - time at which the registration or renewal was sent, in ms on the monotonic clock */
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

  /**
   * Whether the lease has expired. The monotonic clock may stand still while the machine sleeps, so the wall clock
   * counts too.
   */
  get isExpired(): boolean {
    const clock = this.#clock;
    return (
      clock.now() - this.#startedAt >= this.#trustedMs ||
      clock.wallNow() - this.#wallStartedAt >= this.#trustedMs
    );
  }

  /** Prevents calls of `onLost` until the next {@link renew}. */
  stop(): void {
    this.#timer?.cancel();
  }
}
