import { expiryCases } from './store-expiry-cases.js';
import type { IdempotencyStoreLocation } from './store-case.js';
import { recordCases } from './store-record-cases.js';
import type { SuiteCase } from './suite-case.js';

/** Options of {@link idempotencyStoreSuite}. */
export interface IdempotencyStoreSuiteOptions {
  /** Creates a location without records. Called once per case. */
  readonly create: () => IdempotencyStoreLocation | Promise<IdempotencyStoreLocation>;
}

/**
 * Conformance suite of an `IdempotencyStore`, for any test runner. The suite checks that `begin` reports an id
 * as `new` exactly once, even after expiry. The suite also checks that a record is kept until its expiry.
 *
 * @example
 * ```ts
 * const create = () => ({ open: () => memoryCalls() });
 * for (const { name, run } of idempotencyStoreSuite({ create })) test(name, run);
 * ```
 * @see [C3.6](../../../docs/guarantees.md#c3-6)
 */
export function idempotencyStoreSuite({ create }: IdempotencyStoreSuiteOptions): readonly SuiteCase[] {
  return [...recordCases, ...expiryCases].map(({ name, requires, run }) => ({
    name,
    run: async () => {
      const location = await create();
      const store = await location.open();
      try {
        if (requires === 'durable' && !store.isDurable) return;
        if (requires === 'scope' && store.scope === undefined) return;
        await run(store, location);
      } finally {
        await store.close?.();
      }
    },
  }));
}
