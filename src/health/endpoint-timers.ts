import type { Clock, Timer } from '../core/clock.js';
import type { EndpointState } from './endpoint-state.js';

/** At most one timer for each endpoint. The timers do not keep the process alive. */
export class EndpointTimers {
  readonly #timers = new Map<EndpointState, Timer>();

  constructor(readonly clock: Clock) {}

  has(member: EndpointState): boolean {
    return this.#timers.has(member);
  }

  set(member: EndpointState, delayMs: number, callback: () => void): void {
    this.cancel(member);
    const timer = this.clock.setTimer(() => {
      this.#timers.delete(member);
      callback();
    }, delayMs);
    timer.setRef(false);
    this.#timers.set(member, timer);
  }

  cancel(member: EndpointState): void {
    this.#timers.get(member)?.cancel();
    this.#timers.delete(member);
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
