import type { Clock, Timer } from '../core/clock.js';

/** Share of the granted lease by which the service shortens the lease for itself. */
const safetyShare = 0.1;

/**
 * The lease of a service as the service counts the lease: starting when the renewal was sent, and 10 % shorter than
 * granted. Both the monotonic and the wall clock are checked. The service therefore notices a lost lease before the
 * registry does. Does not keep the process alive.
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
   * Starts the lease or extends the current lease.
   *
   * @param sentAt - when the registration or renewal was sent, on the monotonic clock
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

  /**
   * Whether the lease has expired by at least one of the two clocks. The monotonic clock may stand still while the
   * machine sleeps.
   */
  get isExpired(): boolean {
    const clock = this.#clock;
    return (
      clock.now() - this.#startedAt >= this.#trustedMs ||
      clock.wallNow() - this.#wallStartedAt >= this.#trustedMs
    );
  }

  /** Cancels the timer, so that `onLost` is not called. */
  stop(): void {
    this.#timer?.cancel();
  }
}
