import type { CallActivity } from '../../core/call-activity.js';
import type { Clock, Timer } from '../../core/clock.js';

export interface IdleStopOptions {
  readonly clock: Clock;
  readonly idleStopMs: number;
  /**
   * Lease of the endpoint, in ms. A service that counts its calls reports them with its renewals, at least once per
   * lease.
   */
  readonly leaseMs: number;
  readonly lastLaunchAt: () => number;
  readonly onIdle: () => void;
  readonly onUncounted: () => void;
}

/**
 * Decides when a running service is idle: no call is in flight, and the last call was at least `idleStopMs` ago. A
 * service that does not report its calls is never idle.
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

  close(): void {
    this.#isOver = true;
    this.#timer.cancel();
  }
}
