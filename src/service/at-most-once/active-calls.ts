import type { IdempotencyStore } from '../../core/idempotency-store.js';

interface ActiveCall {
  readonly createdAt: number;
  lookups: number;
  executions: number;
  hasRun: boolean;
}

/**
 * The calls that this process looks up in the store, or runs. A call is active until its result is stored.
 *
 * If the result could not be stored, the store reports the call as running although the call is not active. Such a
 * call does not run again.
 */
export class ActiveCalls {
  readonly #calls = new Map<string, ActiveCall>();

  /** Counts a lookup of a call in the store. {@link lookupFinished} must follow. */
  lookupStarted(id: string, createdAt: number): void {
    const active = this.#calls.get(id);
    if (active === undefined) this.#calls.set(id, { createdAt, lookups: 1, executions: 0, hasRun: false });
    else active.lookups++;
  }

  /**
   * @param isNew - whether the handler runs now; {@link executionEnded} must then follow
   * @returns whether another request looked up or ran the same call during the lookup
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

  /** Called after the attempt to write the result of the call, whether the write succeeded or failed. */
  executionEnded(id: string): void {
    const active = this.#calls.get(id);
    if (active === undefined) return;
    active.executions--;
    this.#removeIfIdle(id, active);
  }

  /**
   * Drops calls created before `createdBefore`, because an execution may never end. Retries of these calls are rejected
   * because of the age of their keys.
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

/** Handlers with the same store share the returned object. */
export function activeCallsOf(store: IdempotencyStore): ActiveCalls {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const made = new ActiveCalls();
  byStore.set(store, made);
  return made;
}
