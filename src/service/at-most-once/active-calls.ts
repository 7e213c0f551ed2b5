import type { IdempotencyStore } from '../../core/idempotency-store.js';

interface ActiveCall {
  readonly createdAt: number;
  /** Store lookups without a result. */
  lookups: number;
  executions: number;
  /** Whether it has run while it was active: a store lookup may have started before that run ended. */
  hasRun: boolean;
}

/**
 * The calls that this process is looking up or running, until their end is stored or could not be. A store
 * may report a call as running although it is not active here. Then a failed write of its start took effect,
 * or a write of its end did not.
 */
export class ActiveCalls {
  readonly #calls = new Map<string, ActiveCall>();

  /** A store lookup starts; {@link lookupFinished} must follow. */
  lookupStarted(id: string, createdAt: number): void {
    const active = this.#calls.get(id);
    if (active === undefined) this.#calls.set(id, { createdAt, lookups: 1, executions: 0, hasRun: false });
    else active.lookups++;
  }

  /**
   * A store lookup has a result, or failed.
   *
   * @param isNew - whether the call runs from now on; {@link executionEnded} must follow
   * @returns whether another request had the call active during the lookup
   */
  lookupFinished(id: string, isNew: boolean): boolean {
    const active = this.#calls.get(id);
    if (active === undefined) return false;
    active.lookups--;
    const isActive = active.lookups > 0 || active.hasRun;
    if (isNew) {
      active.executions++;
      active.hasRun = true;
    }
    this.#removeIfIdle(id, active);
    return isActive;
  }

  /** An execution ended, and its end was stored or could not be. */
  executionEnded(id: string): void {
    const active = this.#calls.get(id);
    if (active === undefined) return;
    active.executions--;
    this.#removeIfIdle(id, active);
  }

  /**
   * Forgets executions of calls created before an instant: their keys are rejected by age, and some never
   * end.
   */
  expire(createdBefore: number): void {
    for (const [id, active] of this.#calls) {
      if (active.createdAt >= createdBefore) continue;
      active.executions = 0;
      this.#removeIfIdle(id, active);
    }
  }

  #removeIfIdle(id: string, { lookups, executions }: ActiveCall): void {
    if (lookups === 0 && executions <= 0) this.#calls.delete(id);
  }
}

const byStore = new WeakMap<IdempotencyStore, ActiveCalls>();

/** The active calls of a store, shared by all handlers of this process that use it. */
export function activeCallsOf(store: IdempotencyStore): ActiveCalls {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const made = new ActiveCalls();
  byStore.set(store, made);
  return made;
}
