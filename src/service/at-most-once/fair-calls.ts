import type {
  CallLookup,
  CallRecord,
  CallResult,
  IdempotencyStore,
  StoreUsage,
} from '../../core/idempotency-store.js';
import { ClerkError } from '../../core/errors.js';
import { CallShares } from './call-shares.js';

/**
 * A store that limits each caller to a share of the places, so that one caller cannot fill the store. The limit does
 * not apply to an unknown caller, or if the store has no method `usage`. The calls of earlier processes count for no
 * caller.
 */
export class FairCalls implements IdempotencyStore {
  readonly isDurable: boolean;
  readonly scope: string | undefined;
  readonly find?: (id: string) => Promise<CallLookup | undefined>;
  readonly #store: IdempotencyStore;
  readonly #shares = new CallShares();
  /** The caller of each call that has begun and not ended. */
  readonly #callers = new Map<string, Pick<CallRecord, 'createdAt'> & { readonly caller: string }>();

  constructor(store: IdempotencyStore) {
    this.#store = store;
    this.isDurable = store.isDurable;
    this.scope = store.scope;
    if (store.find !== undefined) this.find = (id) => store.find?.(id) ?? Promise.resolve(undefined);
  }

  usage(): StoreUsage | undefined {
    return this.#store.usage?.();
  }

  async open(): Promise<void> {
    await this.#store.open?.();
  }

  /**
   * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the store is full, or when the caller has used its share and the
   *   store does not find the call
   */
  async begin(call: CallRecord): Promise<CallLookup> {
    const { id, caller, createdAt } = call;
    const usage = this.usage();
    if (caller === undefined || usage === undefined) return this.#store.begin(call);
    if (!this.#shares.admits(caller, usage)) {
      const found = await this.#store.find?.(id);
      if (found !== undefined) return found;
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `One caller has used its share of the idempotency store, which has ${usage.calls} of at most ${usage.maxCalls} calls; raise ${usage.maxBytes === undefined ? 'maxCalls' : 'maxCalls or maxBytes'}, or shorten windowMs`,
      );
    }
    // Counted before the call is stored, because many calls of one caller may begin at once.
    this.#shares.add(caller, createdAt);
    let found: CallLookup | undefined;
    try {
      found = await this.#store.begin(call);
    } finally {
      if (found?.state === 'new') this.#callers.set(id, { caller, createdAt });
      else this.#shares.remove(caller, createdAt);
    }
    return found;
  }

  async end(id: string, result: CallResult): Promise<void> {
    this.#callers.delete(id);
    await this.#store.end(id, result);
  }

  async withdraw(id: string): Promise<void> {
    await this.#store.withdraw(id);
    const begun = this.#callers.get(id);
    if (begun === undefined) return;
    this.#callers.delete(id);
    this.#shares.remove(begun.caller, begun.createdAt);
  }

  async expire(createdBefore: number): Promise<void> {
    await this.#store.expire(createdBefore);
    this.#shares.expire(createdBefore);
    for (const [id, { createdAt }] of this.#callers) if (createdAt < createdBefore) this.#callers.delete(id);
  }
}

const byStore = new WeakMap<IdempotencyStore, FairCalls>();

/** Handlers with the same store share the returned object. */
export function fairCallsOf(store: IdempotencyStore): FairCalls {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const made = new FairCalls(store);
  byStore.set(store, made);
  return made;
}
