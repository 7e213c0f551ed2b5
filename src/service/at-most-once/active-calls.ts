import type { IdempotencyStore } from '../../core/idempotency-store.js';

interface ActiveCall {
  readonly createdAt: number;
  /** Store lookups without a result. */
  lookups: number;
  executions: number;
  /** Whether an execution has started since this entry was added, perhaps during a pending lookup. */
  hasRun: boolean;
}

/**
 * The calls that this process is looking up in the store or running, until their end is stored or could not be stored. A
 * call of this process that the store reports as running, but that is not active, does not run: the write of its end
 * failed, or the write of its start took effect although it was reported as failed.
 */
export class ActiveCalls {
  readonly #calls = new Map<string, ActiveCall>();

  /** {@link lookupFinished} must follow. */
  lookupStarted(id: string, createdAt: number): void {
    const active = this.#calls.get(id);
    if (active === undefined) this.#calls.set(id, { createdAt, lookups: 1, executions: 0, hasRun: false });
    else active.lookups++;
  }

  /**
   * @param isNew - whether the call runs from now on; {@link executionEnded} must then follow
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

  /** Called after the write of the end has succeeded or failed. */
  executionEnded(id: string): void {
    const active = this.#calls.get(id);
    if (active === undefined) return;
    active.executions--;
    this.#removeIfIdle(id, active);
  }

  /** Forgets executions that never end. Requests with keys created before `createdBefore` are rejected by age. */
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

/** Handlers that use the same store share its active calls. */
export function activeCallsOf(store: IdempotencyStore): ActiveCalls {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const made = new ActiveCalls();
  byStore.set(store, made);
  return made;
}
