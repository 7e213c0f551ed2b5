import type { IdempotencyStore } from '../../core/idempotency-store.js';

interface ActiveCall {
  readonly createdAt: number;
  /** Number of store lookups that have no result yet. */
  lookups: number;
  executions: number;
  /**
   * Whether an execution of the call has started since this entry was added. A pending store lookup may therefore have
   * started while the call was running.
   */
  hasRun: boolean;
}

/**
 * The calls that this process is looking up in the store or running. A call stays active until its end is stored, or
 * the write of its end has failed. If the store reports a call of this process as running but the call is not active,
 * then the call does not run. Either the write of its end failed, or the write of its start took effect although the
 * write was reported as failed.
 */
export class ActiveCalls {
  readonly #calls = new Map<string, ActiveCall>();

  /** Records the start of a store lookup. {@link lookupFinished} must follow. */
  lookupStarted(id: string, createdAt: number): void {
    const active = this.#calls.get(id);
    if (active === undefined) this.#calls.set(id, { createdAt, lookups: 1, executions: 0, hasRun: false });
    else active.lookups++;
  }

  /**
   * Records that a store lookup has a result or has failed.
   *
   * @param isNew - whether the call is new and runs from now on; if so, {@link executionEnded} must follow
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

  /** Records that an execution has ended. Called after the write of its end has succeeded or failed. */
  executionEnded(id: string): void {
    const active = this.#calls.get(id);
    if (active === undefined) return;
    active.executions--;
    this.#removeIfIdle(id, active);
  }

  /**
   * Forgets the executions of calls created before `createdBefore`, so that executions that never end do not
   * accumulate. Further requests with the keys of these calls are rejected by age.
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

/** Returns the active calls of a store. All handlers of this process that use the store share these active calls. */
export function activeCallsOf(store: IdempotencyStore): ActiveCalls {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const made = new ActiveCalls();
  byStore.set(store, made);
  return made;
}
