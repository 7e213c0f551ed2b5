import type { CallActivity } from '../../core/call-activity.js';
import type { Clock, Timer } from '../../core/clock.js';

export interface IdleStopOptions {
  readonly clock: Clock;
  readonly idleStopMs: number;
  /** Lease of the endpoint, in ms. A service that counts its calls renews at least once within its lease. */
  readonly leaseMs: number;
  /** Returns the time of the last launch request of the service, in ms on the monotonic clock. */
  readonly lastLaunchAt: () => number;
  /** Called once, when the service has had no call for `idleStopMs`. */
  readonly onIdle: () => void;
  /** Called once, when the service does not report its calls. */
  readonly onUncounted: () => void;
}

/**
 * Decides when a running service is idle: no call is in flight, and the last call was `idleStopMs` ago. Renewals
 * report the calls of a service. A service that does not report its calls is never idle. The idle time begins when
 * the service is up.
 *
 * @see [C6.6](../../../docs/guarantees.md#c6-6)
 */
export class IdleStop {
  readonly #options: IdleStopOptions;
  readonly #upSince: number;
  readonly #timer: Timer;
  #isOver = false;

  constructor(options: IdleStopOptions) {
    this.#options = options;
    const { clock, idleStopMs, leaseMs, onUncounted } = options;
    this.#upSince = clock.now();
    this.#timer = clock.setTimer(onUncounted, Math.max(idleStopMs, leaseMs));
    this.#timer.setRef(false);
  }

  onActivity({ inFlight, idleMs }: CallActivity): void {
    if (this.#isOver) return;
    this.#timer.cancel();
    const { clock, idleStopMs, lastLaunchAt, onIdle } = this.#options;
    const unusedMs = clock.now() - Math.max(this.#upSince, lastLaunchAt());
    if (inFlight > 0 || Math.min(idleMs, unusedMs) < idleStopMs) return;
    this.close();
    onIdle();
  }

  /** Prevents further calls of `onIdle` and `onUncounted`. */
  close(): void {
    this.#isOver = true;
    this.#timer.cancel();
  }
}
