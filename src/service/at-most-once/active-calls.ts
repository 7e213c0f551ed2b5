import type { IdempotencyStore } from '../../core/idempotency-store.js';

interface ActiveCall {
  readonly createdAt: number;
  /** Number of store lookups in progress. */
  lookups: number;
  executions: number;
  /** Whether an execution has started since this entry was added. */
  hasRun: boolean;
}

/**
 * The active calls of this process. A call is active while the process looks the call up in the store or runs the call.
 * A call that runs stays active until the write of its end has succeeded or failed.
 *
 * The store can report a call of this process as running although the call is not active. Such a call does not run. Its
 * end could not be stored, or its start was stored although the store reported a failure.
 */
export class ActiveCalls {
  readonly #calls = new Map<string, ActiveCall>();

  /** Called before a store lookup. {@link lookupFinished} must follow. */
  lookupStarted(id: string, createdAt: number): void {
    const active = this.#calls.get(id);
    if (active === undefined) this.#calls.set(id, { createdAt, lookups: 1, executions: 0, hasRun: false });
    else active.lookups++;
  }

  /**
   * @param isNew - whether the call is new, so that the handler runs now. If true, {@link executionEnded} must be
   * called later.
   * @returns whether another request was looking up or running the same call during this lookup
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

  /** Called after the write of the end of the call has succeeded or failed. */
  executionEnded(id: string): void {
    const active = this.#calls.get(id);
    if (active === undefined) return;
    active.executions--;
    this.#removeIfIdle(id, active);
  }

  /**
   * Forgets executions of calls created before `createdBefore`, because an execution may never end. Requests with keys
   * of that age are rejected.
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

/** Returns the active calls of a store. Handlers with the same store share one object. */
export function activeCallsOf(store: IdempotencyStore): ActiveCalls {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const made = new ActiveCalls();
  byStore.set(store, made);
  return made;
}
