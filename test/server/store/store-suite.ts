import { strict as assert } from 'node:assert';
import { isClerkError } from '../../../src/core/errors.js';
import type { Store } from '../../../src/server/ports.js';

/** A location of records. Several stores can be opened over it, one after the other. */
export interface StoreLocation {
  open(): Store;
}

/** One case of {@link storeSuite}. */
export interface StoreCase {
  readonly name: string;
  readonly run: (location: StoreLocation) => Promise<void>;
}

const openStore = async (location: StoreLocation): Promise<Store> => {
  const store = location.open();
  await store.load();
  return store;
};

const contents = async (location: StoreLocation): Promise<Record<string, string>> => {
  const store = location.open();
  const records = await store.load();
  await store.close();
  return Object.fromEntries(records);
};

const hasCode = (code: string) => (error: unknown) => isClerkError(error) && error.code === code;

/**
 * Conformance cases of the store port, for any test runner.
 *
 * @see [C5.1](../../../docs/guarantees.md#c5-1)
 */
export const storeSuite: readonly StoreCase[] = [
  {
    name: 'a new location is empty and can be opened repeatedly',
    run: async (location) => {
      assert.deepEqual(await contents(location), {});
      assert.deepEqual(await contents(location), {});
    },
  },
  {
    name: 'records are loaded again by the next store',
    run: async (location) => {
      const store = await openStore(location);
      await store.write([
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ]);
      await store.write([
        { key: 'a', value: undefined },
        { key: 'b', value: '3' },
        { key: 'unknown', value: undefined },
      ]);
      await store.close();
      assert.deepEqual(await contents(location), { b: '3' });
    },
  },
  {
    name: 'the last change of a key within one write wins',
    run: async (location) => {
      const store = await openStore(location);
      await store.write([
        { key: 'a', value: '1' },
        { key: 'a', value: '2' },
        { key: 'b', value: '1' },
        { key: 'b', value: undefined },
      ]);
      await store.close();
      assert.deepEqual(await contents(location), { a: '2' });
    },
  },
  {
    name: 'an empty write changes nothing',
    run: async (location) => {
      const store = await openStore(location);
      await store.write([{ key: 'a', value: '1' }]);
      await store.write([]);
      await store.close();
      assert.deepEqual(await contents(location), { a: '1' });
    },
  },
  {
    name: 'any string can be a key or a value',
    run: async (location) => {
      const texts = ['__proto__', 'ключ', '𝛑', ' ', 'a\0b', 'line\nfeed', '{"a":1}', 'x'.repeat(100_000)];
      const store = await openStore(location);
      await store.write(texts.map((key) => ({ key, value: key })));
      await store.write([{ key: 'empty', value: '' }]);
      await store.close();
      const loaded = await location.open().load();
      assert.deepEqual([...loaded.keys()].sort(), [...texts, 'empty'].sort());
      for (const text of texts) assert.equal(loaded.get(text), text);
      assert.equal(loaded.get('empty'), '');
    },
  },
  {
    name: 'loaded records do not change with later writes',
    run: async (location) => {
      const store = location.open();
      const before = await store.load();
      await store.write([{ key: 'a', value: '1' }]);
      assert.equal(before.size, 0);
      await store.close();
    },
  },
  {
    name: 'writes 10,000 records at once',
    run: async (location) => {
      const store = await openStore(location);
      await store.write(Array.from({ length: 10_000 }, (_, i) => ({ key: `k${i}`, value: `v${i}` })));
      await store.close();
      const loaded = await contents(location);
      assert.equal(Object.keys(loaded).length, 10_000);
      assert.equal(loaded.k9999, 'v9999');
    },
  },
  {
    name: 'a store must be loaded once, before it is written',
    run: async (location) => {
      const store = location.open();
      await assert.rejects(store.write([{ key: 'a', value: '1' }]), hasCode('CONFIG_INVALID'));
      await store.load();
      await assert.rejects(store.load(), hasCode('CONFIG_INVALID'));
      await store.close();
      assert.deepEqual(await contents(location), {});
    },
  },
  {
    name: 'a closed store rejects writes, and closing it again does nothing',
    run: async (location) => {
      const store = await openStore(location);
      await store.close();
      await store.close();
      await assert.rejects(store.write([{ key: 'a', value: '1' }]), hasCode('CLERK_CLOSED'));
      assert.deepEqual(await contents(location), {});
    },
  },
  {
    name: 'a store that was never loaded can be closed',
    run: async (location) => {
      await location.open().close();
      assert.deepEqual(await contents(location), {});
    },
  },
];
