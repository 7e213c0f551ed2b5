import type { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../core/clock.js';
import { nextChange } from './next-change.js';

/**
 * Bounds of the interval between lookups while calls wait, in ms. The interval is half of the time that the calls
 * have waited.
 */
const minIntervalMs = 100;
const maxIntervalMs = 1_000;

export interface ReadyWaitInit {
  readonly clock: Clock;
  readonly asyncContext: AsyncResource;
  /** Looks the name up again. Never rejects. */
  readonly refresh: () => Promise<void>;
  /** Called after each change of the endpoints or of their health. */
  readonly changeListeners: Set<() => void>;
  /** Ends all waits when it aborts. */
  readonly closeSignal: AbortSignal;
}

/** Minimum time between two lookups by calls that would otherwise fail because of a cached result, in ms. */
const minLookupIntervalMs = 10;

/** Calls with `waitForReady` wait here for a change of their service. Concurrent calls share one wait. */
export class ReadyWait {
  readonly #init: ReadyWaitInit;
  #wait: Promise<void> | undefined;
  #lookup: Promise<void> | undefined;
  #startedAt = 0;
  #endedAt = -Infinity;

  constructor(init: ReadyWaitInit) {
    this.#init = init;
  }

  /**
   * Resolves after a change of the endpoints or their health. If no change occurs within about 1 s, resolves after a
   * lookup. Never rejects.
   */
  untilChanged(): Promise<void> {
    this.#wait ??= this.#untilChanged().finally(() => (this.#wait = undefined));
    return this.#wait;
  }

  /**
   * Looks the name up again, so that a call does not fail because of an outdated result. Concurrent calls share the
   * lookup. Never rejects.
   * @param lookedUpAt - when the last known lookup was sent
   */
  lookAgain(lookedUpAt: number): Promise<void> {
    this.#lookup ??= this.#lookAgain(lookedUpAt).finally(() => (this.#lookup = undefined));
    return this.#lookup;
  }

  async #lookAgain(lookedUpAt: number): Promise<void> {
    const { clock, asyncContext, refresh, closeSignal } = this.#init;
    const waitMs = lookedUpAt + minLookupIntervalMs - clock.now();
    if (waitMs > 0) await nextChange(clock, new Set(), waitMs, closeSignal);
    if (!closeSignal.aborted) await asyncContext.runInAsyncScope(refresh);
  }

  async #untilChanged(): Promise<void> {
    const { clock, asyncContext, changeListeners, refresh, closeSignal } = this.#init;
    const now = clock.now();
    if (now - this.#endedAt > maxIntervalMs) this.#startedAt = now;
    const intervalMs = Math.min(maxIntervalMs, Math.max(minIntervalMs, (now - this.#startedAt) / 2));
    // Random, so that the clerks that wait for a service look its name up at different times.
    const waitMs = intervalMs * (0.75 + 0.5 * clock.random());
    const hasChanged = await nextChange(clock, changeListeners, waitMs, closeSignal);
    if (hasChanged) this.#startedAt = clock.now();
    else await asyncContext.runInAsyncScope(refresh);
    this.#endedAt = clock.now();
  }
}
