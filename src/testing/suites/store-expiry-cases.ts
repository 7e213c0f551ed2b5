import { strict as assert } from 'node:assert';
import { assertDone, assertState, call, finish, interrupt, response, type StoreCase } from './store-case.js';

/** Cases of records that expire. */
export const expiryCases: readonly StoreCase[] = [
  {
    name: 'expire(t) removes exactly the calls created before t, and begin() never reports a removed call as new',
    run: async (store) => {
      const born = (number: number) => call(number, { createdAt: 1_800_000_000_000 + number * 1_000 });
      for (let number = 1; number <= 6; number++) await store.begin(born(number));
      await finish(store, born(1));
      await interrupt(store, born(2));
      await finish(store, born(5));
      await store.expire(born(4).createdAt);
      for (const number of [1, 2, 3]) await assertState(store, born(number), 'expired');
      await assertState(store, born(4), 'running');
      await assertDone(store, born(5), response);
      // A call of this age may have run, and `expire` may have removed its record.
      await assertState(store, call(7, { createdAt: born(3).createdAt }), 'expired');
      await assertState(store, call(8, { createdAt: born(4).createdAt }), 'new');
    },
  },
  {
    name: 'expire() affects no newer call, and a later expire(0) restores no call',
    run: async (store) => {
      await store.expire(call(1).createdAt - 5_000_000);
      await assertState(store, call(1), 'new');
      await store.expire(call(1).createdAt + 1);
      await store.expire(0);
      await assertState(store, call(1), 'expired');
    },
  },
  {
    name: 'end does not restore an expired call',
    run: async (store) => {
      await store.begin(call(1));
      const ends = [store.expire(call(1).createdAt + 1), finish(store, call(1))];
      await Promise.all(ends);
      await finish(store, call(1));
      await assertState(store, call(1), 'expired');
    },
  },
  {
    name: 'reports a call that begins during expire() as new only once',
    run: async (store) => {
      for (const number of [1, 3]) await store.begin(call(number));
      const [first] = await Promise.all([store.begin(call(2)), store.expire(call(4).createdAt)]);
      assert.ok(first.state === 'new' || first.state === 'expired', first.state);
      if (first.state === 'new') await finish(store, call(2));
      const { state } = await store.begin(call(2));
      assert.ok(state === 'expired' || (state === 'done' && first.state === 'new'), state);
    },
  },
];
