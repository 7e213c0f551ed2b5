import type { Clock, Timer } from '../core/clock.js';

const safetyShare = 0.1;

/**
 * Determines when a service treats its lease as expired: when 90 % of the lease time has passed since the last
 * acknowledged renewal was sent. It suffices that one of two clocks shows this: the monotonic clock or the wall clock.
 * Does not keep the process alive.
 *
 * @see [C1.3](../../docs/guarantees.md#c1-3), [C5.3](../../docs/guarantees.md#c5-3)
 */
export class LeaseLossDetector {
  readonly #clock: Clock;
  readonly #onLost: () => void;
  #trustedMs = 0;
  #startedAt = 0;
  #wallStartedAt = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, onLost: () => void) {
    this.#clock = clock;
    this.#onLost = onLost;
  }

  /** @param sentAt - send time of the registration or renewal, on the monotonic clock */
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

  /** Checks both clocks, because the monotonic clock may stand still while the machine sleeps. */
  get isExpired(): boolean {
    const clock = this.#clock;
    return (
      clock.now() - this.#startedAt >= this.#trustedMs ||
      clock.wallNow() - this.#wallStartedAt >= this.#trustedMs
    );
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
