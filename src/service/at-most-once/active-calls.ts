import type { IdempotencyStore } from '../../core/idempotency-store.js';

interface ActiveCall {
  readonly createdAt: number;
  lookups: number;
  executions: number;
  /** Whether the handler has run since this entry was added. */
  hasRun: boolean;
}

/**
 * The active calls of this process. A call is active during its lookup in the store. A call whose handler runs is
 * active until the end of the call is written.
 *
 * After a failed write, the store can report a call as running although the call is not active. The call then does
 * not run.
 */
export class ActiveCalls {
  readonly #calls = new Map<string, ActiveCall>();

  /** Called before a store lookup. {@link lookupFinished} must be called after the lookup. */
  lookupStarted(id: string, createdAt: number): void {
    const active = this.#calls.get(id);
    if (active === undefined) this.#calls.set(id, { createdAt, lookups: 1, executions: 0, hasRun: false });
    else active.lookups++;
  }

  /**
   * @param isNew - whether the handler runs now, because the call is new; {@link executionEnded} must then be called
   *   later
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

  /** Called after the write of the end of the call, even if the write failed. */
  executionEnded(id: string): void {
    const active = this.#calls.get(id);
    if (active === undefined) return;
    active.executions--;
    this.#removeIfIdle(id, active);
  }

  /**
   * Forgets executions of calls created before `createdBefore`, because an execution may never end. Old keys are
   * rejected anyway.
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

/** Returns the active calls of a store. Handlers with the same store share the returned object. */
export function activeCallsOf(store: IdempotencyStore): ActiveCalls {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const made = new ActiveCalls();
  byStore.set(store, made);
  return made;
}
