import { strict as assert } from 'node:assert';
import type { StoredResponse } from '../../core/idempotency-store.js';
import {
  assertDone,
  assertState,
  call,
  countNew,
  finish,
  interrupt,
  response,
  type StoreCase,
} from './store-case.js';

/** Cases of calls that begin, end and are withdrawn. */
export const recordCases: readonly StoreCase[] = [
  {
    name: 'reports an id as new once, then as running with the fingerprint and owner of the first call',
    run: async (store) => {
      await assertState(store, call(1), 'new');
      assert.deepEqual(await store.begin(call(1, { fingerprint: 'another', owner: 'suite-2 life-2' })), {
        state: 'running',
        fingerprint: 'fingerprint 1',
        owner: 'suite-1 life-1',
      });
      await assertState(store, call(2), 'new');
    },
  },
  {
    name: 'reports a call as new to exactly one of many concurrent begins',
    run: async (store) => {
      const numbers = Array.from({ length: 200 }, (_, i) => i % 10);
      const found = await Promise.all(numbers.map((number) => store.begin(call(number))));
      assert.equal(countNew(found), 10);
      assert.equal(found.filter(({ state }) => state === 'running').length, 190);
    },
  },
  {
    name: '`begin` reports a call as new to one of many concurrent callers only, even if the call ends meanwhile',
    run: async (store) => {
      const states = async (number: number, delay: number): Promise<string> => {
        // Before each begin, 0 to 7 other calls begin, so that the begins of the id overlap in many ways.
        for (let i = 0; i < delay; i++) await store.begin(call(1_000 + number * 100 + delay * 10 + i));
        const { state } = await store.begin(call(number));
        if (state === 'new') await finish(store, call(number));
        return state;
      };
      for (const number of [1, 2, 3, 4]) {
        const begins = Array.from({ length: 32 }, (_, i) => states(number, i % 8));
        assert.equal((await Promise.all(begins)).filter((state) => state === 'new').length, 1);
        await assertDone(store, call(number), response);
      }
    },
  },
  {
    name: 'works after open(), after a second open(), and without open()',
    run: async (store) => {
      await Promise.all([store.open?.(), store.open?.()]);
      await assertState(store, call(1), 'new');
      await store.open?.();
      await assertState(store, call(1), 'running');
    },
  },
  {
    name: 'returns a stored response unchanged, any number of times',
    run: async (store) => {
      await store.begin(call(1));
      await finish(store, call(1));
      for (let i = 0; i < 3; i++) await assertDone(store, call(1), response);
    },
  },
  {
    name: 'accepts a response without headers and body, and a call without a stored response',
    run: async (store) => {
      const empty: StoredResponse = { status: 204, headers: [], body: new Uint8Array(0) };
      await store.begin(call(1));
      await store.begin(call(2));
      await store.end(call(1).id, { state: 'done', response: empty });
      await store.end(call(2).id, { state: 'done', response: undefined });
      await assertDone(store, call(1), empty);
      await assertDone(store, call(2), undefined);
    },
  },
  {
    name: 'replaces an interruption with a response, and never replaces a response',
    run: async (store) => {
      await store.begin(call(1));
      await interrupt(store, call(1));
      assert.deepEqual(await store.begin(call(1)), { state: 'interrupted', fingerprint: 'fingerprint 1' });
      await finish(store, call(1));
      await assertDone(store, call(1), response);
      await interrupt(store, call(1));
      await assertDone(store, call(1), response);
    },
  },
  {
    name: 'keeps the response when a response and an interruption are recorded at the same time',
    run: async (store) => {
      const [lost, done] = [{ state: 'interrupted' }, { state: 'done', response }] as const;
      for (const [number, ends] of [
        [1, [lost, done]],
        [2, [done, lost]],
        [3, [lost, done, lost]],
      ] as const) {
        await store.begin(call(number));
        await Promise.all(ends.map((how) => store.end(call(number).id, how)));
        await assertDone(store, call(number), response);
      }
    },
  },
  {
    name: 'reports a call that is withdrawn during concurrent begins as new to exactly one of them',
    run: async (store) => {
      await store.begin(call(1));
      const before = [1, 2, 3].map(() => store.begin(call(1)));
      const withdrawn = store.withdraw(call(1).id);
      const meanwhile = [1, 2, 3].map(() => store.begin(call(1)));
      await withdrawn;
      const found = await Promise.all([...before, ...meanwhile, store.begin(call(1))]);
      assert.equal(countNew(found), 1);
      await assertState(store, call(1), 'running');
    },
  },
  {
    name: 'reports a withdrawn call as new again',
    run: async (store) => {
      await store.begin(call(1));
      await store.withdraw(call(1).id);
      await assertState(store, call(1, { fingerprint: 'another' }), 'new');
    },
  },
  {
    name: 'keeps the stored response when a returned response is modified',
    run: async (store) => {
      const body = Uint8Array.from([1, 2, 3]);
      await store.begin(call(1));
      await store.end(call(1).id, { state: 'done', response: { ...response, body: Uint8Array.from(body) } });
      const first = await store.begin(call(1));
      if (first.state === 'done') Reflect.set(first, 'response', undefined);
      await assertDone(store, call(1), { ...response, body });
    },
  },
  {
    name: 'rejects after close',
    run: async (store) => {
      if (store.close === undefined) return;
      await store.begin(call(1));
      await store.close();
      await assert.rejects(store.begin(call(2)));
      await assert.rejects(interrupt(store, call(1)));
    },
  },
  {
    name: 'after the store is opened again, running, ended and expired calls have the same state',
    requires: 'durable',
    run: async (store, location) => {
      for (const number of [1, 2, 3, 4, 5]) await store.begin(call(number));
      await store.expire(call(2).createdAt);
      await finish(store, call(2));
      await interrupt(store, call(3));
      await store.withdraw(call(5).id);
      await store.close?.();
      const next = await location.open();
      try {
        await assertState(next, call(1), 'expired');
        await assertDone(next, call(2), response);
        await assertState(next, call(3), 'interrupted');
        assert.deepEqual(await next.begin(call(4, { owner: 'suite-1 life-2' })), {
          state: 'running',
          fingerprint: 'fingerprint 4',
          owner: 'suite-1 life-1',
        });
        await assertState(next, call(5), 'new');
      } finally {
        await next.close?.();
      }
    },
  },
  {
    name: 'stores that share a scope report a call as new to exactly one begin',
    requires: 'scope',
    run: async (store, location) => {
      const other = await location.open();
      try {
        assert.equal(other.scope, store.scope);
        const found = await Promise.all([store, other, store, other].map((either) => either.begin(call(1))));
        assert.equal(countNew(found), 1);
        await finish(store, call(1));
        await assertDone(other, call(1), response);
        await other.expire(call(1).createdAt + 1);
        await assertState(store, call(1), 'expired');
      } finally {
        await other.close?.();
      }
    },
  },
];
