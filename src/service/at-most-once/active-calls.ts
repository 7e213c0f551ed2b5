/**
 * The calls that this process has in hand: it asks for them at this moment, or runs them, until their end is written or
 * could not be. A store that calls one running which nobody here has in hand is not to be believed: a write of its
 * beginning failed and was done nevertheless, or one of its end was not done.
 */
import type { IdempotencyStore } from '../../core/idempotency-store.js';

interface ActiveCall {
  readonly createdAt: number;
  /** Questions to the store that are not answered. */
  lookups: number;
  executions: number;
  /** Whether it has run since it is held: an answer of the store may be from that time. */
  hasRun: boolean;
}

/** See the file's header. */
export class ActiveCalls {
  readonly #calls = new Map<string, ActiveCall>();

  /** The store is asked for a call; `told` must follow. */
  lookupStarted(id: string, createdAt: number): void {
    const active = this.#calls.get(id);
    if (active === undefined) this.#calls.set(id, { createdAt, lookups: 1, executions: 0, hasRun: false });
    else active.lookups++;
  }

  /**
   * It has answered, or failed.
   *
   * @param isNew - the call runs from now on; `over` must follow
   * @returns whether somebody else had the call in hand while the store was asked, as far as is known
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

  /** A run of it is over, and what was to be written of that is written or failed. */
  executionEnded(id: string): void {
    const active = this.#calls.get(id);
    if (active === undefined) return;
    active.executions--;
    this.#removeIfIdle(id, active);
  }

  /** Lets go of runs that were born before an instant: their ids are refused by age, and some never end. */
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

/** What is in hand of a store, for all who use it in this process. */
export function activeCallsOf(store: IdempotencyStore): ActiveCalls {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const made = new ActiveCalls();
  byStore.set(store, made);
  return made;
}
