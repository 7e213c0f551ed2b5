import type { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../core/clock.js';
import { nextChange } from './next-change.js';
import { isAborted } from '../core/abort-signal.js';

/** Interval between lookups while all endpoints are starting, in ms. A watch usually delivers a change earlier. */
const refreshIntervalMs = 500;
/** Maximum time of one wait, in ms. */
const maxWaitMs = 60_000;

export interface StartingWaitInit {
  readonly clock: Clock;
  readonly asyncContext: AsyncResource;
  /** Whether calls still have to wait. */
  readonly isStarting: () => boolean;
  /** Looks the name up again. Never rejects. */
  readonly refresh: () => Promise<void>;
  /** Called after each change of the endpoints. */
  readonly changeListeners: Set<() => void>;
  /** Ends all waits when it aborts. */
  readonly closeSignal: AbortSignal;
}

/** Calls wait here while no endpoint of a service accepts connections and at least one endpoint is starting. */
export class StartingWait {
  readonly #init: StartingWaitInit;
  #wait: Promise<void> | undefined;

  constructor(init: StartingWaitInit) {
    this.#init = init;
  }

  /** Resolves when no call has to wait, or after 60 s. Concurrent callers share one wait. Never rejects. */
  untilStarted(): Promise<void> {
    this.#wait ??= this.#untilStarted().finally(() => (this.#wait = undefined));
    return this.#wait;
  }

  async #untilStarted(): Promise<void> {
    const { clock, asyncContext, isStarting, refresh, changeListeners, closeSignal } = this.#init;
    const until = clock.now() + maxWaitMs;
    while (!isAborted(closeSignal) && isStarting() && clock.now() < until) {
      await nextChange(clock, changeListeners, refreshIntervalMs, closeSignal);
      if (!isAborted(closeSignal) && isStarting()) await asyncContext.runInAsyncScope(refresh);
    }
  }
}
