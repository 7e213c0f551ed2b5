import type { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../core/clock.js';
import { nextChange } from './next-change.js';

/** Interval between lookups while calls wait, in ms. It grows with the time for which they have waited. */
const minIntervalMs = 100;
const maxIntervalMs = 1_000;

export interface ReadyWaitInit {
  readonly clock: Clock;
  readonly asyncContext: AsyncResource;
  /** Looks the name up again. Never rejects. */
  readonly refresh: () => Promise<void>;
  /** Called after each change of the endpoints or of their health. */
  readonly changeListeners: Set<() => void>;
}

/** Minimum time between two lookups for calls that would fail on a remembered absence, in ms. */
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

  /** Resolves after a change of the endpoints, otherwise after a lookup, within about 1 s. Never rejects. */
  untilChanged(): Promise<void> {
    this.#wait ??= this.#untilChanged().finally(() => (this.#wait = undefined));
    return this.#wait;
  }

  /**
   * Looks the name up again before a call fails on what an earlier lookup found. Concurrent calls share the lookup. Never
   * rejects.
   * @param lookedUpAt - when the last known lookup was sent
   */
  lookAgain(lookedUpAt: number): Promise<void> {
    this.#lookup ??= this.#lookAgain(lookedUpAt).finally(() => (this.#lookup = undefined));
    return this.#lookup;
  }

  async #lookAgain(lookedUpAt: number): Promise<void> {
    const { clock, asyncContext, refresh } = this.#init;
    const waitMs = lookedUpAt + minLookupIntervalMs - clock.now();
    if (waitMs > 0) await nextChange(clock, new Set(), waitMs);
    await asyncContext.runInAsyncScope(refresh);
  }

  async #untilChanged(): Promise<void> {
    const { clock, asyncContext, changeListeners, refresh } = this.#init;
    const now = clock.now();
    if (now - this.#endedAt > maxIntervalMs) this.#startedAt = now;
    const intervalMs = Math.min(maxIntervalMs, Math.max(minIntervalMs, (now - this.#startedAt) / 2));
    // Random, so that clerks look up at different times.
    const hasChanged = await nextChange(clock, changeListeners, intervalMs * (0.75 + 0.5 * clock.random()));
    if (hasChanged) this.#startedAt = clock.now();
    else await asyncContext.runInAsyncScope(refresh);
    this.#endedAt = clock.now();
  }
}
