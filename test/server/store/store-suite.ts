/**
 * What every store must hold, run by any test runner: what was written is loaded again, whole writes or none, one
 * writer at a time, and nothing after the end.
 *
 * @see promises C5.1
 */
import { strict as assert } from 'node:assert';
import { isClerkError } from '../../../src/core/errors.js';
import type { Store } from '../../../src/server/ports.js';

/** A place where records are kept, and stores over it, one after the other. */
export interface StoreLocation {
  open(): Store;
}

export interface StoreCase {
  readonly name: string;
  readonly run: (place: StoreLocation) => Promise<void>;
}

const openStore = async (place: StoreLocation): Promise<Store> => {
  const store = place.open();
  await store.load();
  return store;
};

const contents = async (place: StoreLocation): Promise<Record<string, string>> => {
  const store = place.open();
  const records = await store.load();
  await store.close();
  return Object.fromEntries(records);
};

const hasCode = (code: string) => (error: unknown) => isClerkError(error) && error.code === code;

export const storeSuite: readonly StoreCase[] = [
  {
    name: 'a new place is empty, and can be loaded, closed and loaded again',
    run: async (place) => {
      assert.deepEqual(await contents(place), {});
      assert.deepEqual(await contents(place), {});
    },
  },
  {
    name: 'what was written is there when it is loaded again',
    run: async (place) => {
      const store = await openStore(place);
      await store.write([
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ]);
      await store.write([
        { key: 'a', value: undefined },
        { key: 'b', value: '3' },
        { key: 'never there', value: undefined },
      ]);
      await store.close();
      assert.deepEqual(await contents(place), { b: '3' });
    },
  },
  {
    name: 'within one write the last word on a key counts',
    run: async (place) => {
      const store = await openStore(place);
      await store.write([
        { key: 'a', value: '1' },
        { key: 'a', value: '2' },
        { key: 'b', value: '1' },
        { key: 'b', value: undefined },
      ]);
      await store.close();
      assert.deepEqual(await contents(place), { a: '2' });
    },
  },
  {
    name: 'a write of nothing changes nothing',
    run: async (place) => {
      const store = await openStore(place);
      await store.write([{ key: 'a', value: '1' }]);
      await store.write([]);
      await store.close();
      assert.deepEqual(await contents(place), { a: '1' });
    },
  },
  {
    name: 'any text can be a key or a value',
    run: async (place) => {
      const texts = ['__proto__', 'ключ', '𝛑', ' ', 'a\0b', 'line\nfeed', '{"a":1}', 'x'.repeat(100_000)];
      const store = await openStore(place);
      await store.write(texts.map((key) => ({ key, value: key })));
      await store.write([{ key: 'empty', value: '' }]);
      await store.close();
      const loaded = await place.open().load();
      assert.deepEqual([...loaded.keys()].sort(), [...texts, 'empty'].sort());
      for (const text of texts) assert.equal(loaded.get(text), text);
      assert.equal(loaded.get('empty'), '');
    },
  },
  {
    name: 'what was loaded does not change with later writes',
    run: async (place) => {
      const store = place.open();
      const before = await store.load();
      await store.write([{ key: 'a', value: '1' }]);
      assert.equal(before.size, 0);
      await store.close();
    },
  },
  {
    name: 'ten thousand records in one write',
    run: async (place) => {
      const store = await openStore(place);
      await store.write(Array.from({ length: 10_000 }, (_, i) => ({ key: `k${i}`, value: `v${i}` })));
      await store.close();
      const loaded = await contents(place);
      assert.equal(Object.keys(loaded).length, 10_000);
      assert.equal(loaded.k9999, 'v9999');
    },
  },
  {
    name: 'a store is loaded once, and before it is written',
    run: async (place) => {
      const store = place.open();
      await assert.rejects(store.write([{ key: 'a', value: '1' }]), hasCode('CONFIG_INVALID'));
      await store.load();
      await assert.rejects(store.load(), hasCode('CONFIG_INVALID'));
      await store.close();
      assert.deepEqual(await contents(place), {});
    },
  },
  {
    name: 'after the end nothing is written, and ending again does nothing',
    run: async (place) => {
      const store = await openStore(place);
      await store.close();
      await store.close();
      await assert.rejects(store.write([{ key: 'a', value: '1' }]), hasCode('CLERK_CLOSED'));
      assert.deepEqual(await contents(place), {});
    },
  },
  {
    name: 'a store that was never loaded can be closed',
    run: async (place) => {
      await place.open().close();
      assert.deepEqual(await contents(place), {});
    },
  },
];
