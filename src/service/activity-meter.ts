import type { CallActivity } from '../core/call-activity.js';
import type { Clock } from '../core/clock.js';

/**
 * Counts the calls in flight of one service. Before the first call, the idle time counts from the creation of the
 * meter.
 */
export class ActivityMeter {
  readonly #clock: Clock;
  #inFlight = 0;
  #lastAt: number;
  #servedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastAt = clock.now();
    this.#servedAt = this.#lastAt;
  }

  /** Time since the last complete response, in ms. Before the first response, the time since the meter was created. */
  get servedAgoMs(): number {
    return Math.max(0, Math.ceil(this.#clock.now() - this.#servedAt));
  }

  get current(): CallActivity {
    const idleMs = this.#inFlight > 0 ? 0 : Math.max(0, Math.floor(this.#clock.now() - this.#lastAt));
    return { inFlight: this.#inFlight, idleMs };
  }

  /** @param isServed - whether a call has ended with a complete response. Default false. */
  update(inFlight: number, isServed = false): void {
    this.#inFlight = inFlight;
    this.#lastAt = this.#clock.now();
    if (isServed) this.#servedAt = this.#lastAt;
  }

  /** Counts a call as in flight until the returned function is called. */
  begin(): () => void {
    this.update(this.#inFlight + 1);
    let hasEnded = false;
    return () => {
      if (!hasEnded) this.update(this.#inFlight - 1);
      hasEnded = true;
    };
  }
}

/** Sums the calls of all services of the process, because the launcher stops whole processes. */
export class ProcessActivity {
  readonly #meters = new Map<object, ActivityMeter | undefined>();

  add(meter: ActivityMeter | undefined): () => void {
    const key = {};
    this.#meters.set(key, meter);
    return () => void this.#meters.delete(key);
  }

  /** Undefined if no service is advertised, or if the calls of a service are not counted. */
  get current(): CallActivity | undefined {
    let inFlight = 0;
    let idleMs = Infinity;
    for (const meter of this.#meters.values()) {
      if (meter === undefined) return undefined;
      const { current } = meter;
      inFlight += current.inFlight;
      idleMs = Math.min(idleMs, current.idleMs);
    }
    return idleMs === Infinity ? undefined : { inFlight, idleMs };
  }
}
