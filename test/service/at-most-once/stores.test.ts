/** The contract of memories of calls, over the one in memory, the one in a folder, and one that is shared. */
import { describe, expect, test } from 'vitest';
import { callStoreSuite, type CallStorePlace } from 'binding-clerk/testing';
import {
  diskCalls,
  memoryCalls,
  type CallStore,
  type FoundCall,
  type RunningCall,
} from 'binding-clerk/service';
import { scratch } from '../../server/scratch.js';

/** One memory that several hold. */
function shared(): CallStorePlace {
  const memory = memoryCalls();
  return {
    open: () => {
      let isClosed = false;
      const open =
        <A extends unknown[], T>(go: (...args: A) => Promise<T>) =>
        async (...args: A): Promise<T> => {
          if (isClosed) throw new Error('closed');
          return go(...args);
        };
      return {
        outlives: true,
        scope: 'shared-1',
        begin: open((call) => memory.begin(call)),
        end: open((id, how) => memory.end(id, how)),
        withdraw: open((id) => memory.withdraw(id)),
        forget: open((bornBefore) => memory.forget(bornBefore)),
        close: async () => void (isClosed = true),
      } satisfies CallStore;
    },
  };
}

const places: Record<string, () => CallStorePlace> = {
  memory: () => ({ open: () => memoryCalls() }),
  disk: () => {
    const folder = scratch('calls');
    return { open: () => diskCalls(folder) };
  },
  shared,
};

describe.each(Object.entries(places))('%s', (_, create) => {
  test.each(callStoreSuite({ create }))('$name', ({ run }) => run());
});

test.each<[string, (store: CallStore) => CallStore]>([
  ['begins everything', (store) => ({ ...methods(store), begin: async () => ({ state: 'new' }) })],
  [
    'begins what it forgot',
    (store) => ({
      ...methods(store),
      begin: async (call) =>
        (await store.begin(call)).state === 'forgotten' ? { state: 'new' } : store.begin(call),
    }),
  ],
  [
    'forgets too much',
    (store) => ({ ...methods(store), forget: (bornBefore) => store.forget(bornBefore + 1) }),
  ],
  ['keeps no answers', (store) => ({ ...methods(store), end: (id) => store.end(id, { state: 'lost' }) })],
  [
    'withdraws more than it was asked for',
    (store) => ({
      ...methods(store),
      withdraw: async (id) => {
        await store.withdraw(id);
        await store.withdraw(id);
      },
    }),
  ],
  ['withdraws nothing', (store) => ({ ...methods(store), withdraw: async () => undefined })],
])('the suite notices a store that %s', async (_, broken) => {
  const results = await Promise.allSettled(
    callStoreSuite({ create: () => ({ open: () => broken(memoryCalls()) }) }).map(({ run }) => run()),
  );
  expect(results.some(({ status }) => status === 'rejected')).toBe(true);
});

/** Reads, takes a while, and writes what follows from that. Only what is running it keeps in mind besides. */
function stale(slow: 'begin' | 'end'): CallStore {
  const [records, running] = [new Map<string, FoundCall>(), new Set<string>()];
  let asked = 0;
  const aWhile = async (method: string): Promise<void> => {
    if (method === slow) for (let i = (++asked * 7) % 50; i > 0; i--) await Promise.resolve();
  };
  return {
    outlives: false,
    begin: async ({ id, fingerprint, owner }) => {
      const seen = records.get(id);
      await aWhile('begin');
      if (seen !== undefined) return seen;
      if (running.has(id)) return { state: 'running', fingerprint, owner };
      running.add(id);
      records.set(id, { state: 'running', fingerprint, owner });
      return { state: 'new' };
    },
    end: async (id, how) => {
      const seen = records.get(id) as RunningCall;
      await aWhile('end');
      if ((seen as FoundCall).state === 'done') return;
      records.set(id, { ...how, fingerprint: seen.fingerprint });
      running.delete(id);
    },
    withdraw: async () => undefined,
    forget: async () => undefined,
  };
}

test.each<['begin' | 'end', string]>([
  ['begin', 'however long a question takes'],
  ['end', 'of an answer and a loss that are told together'],
])('the suite notices a store whose %s believes what it read before', async (slow, name) => {
  const found = callStoreSuite({ create: () => ({ open: () => stale(slow) }) });
  await expect(found.find((one) => one.name.startsWith(name))?.run()).rejects.toThrow();
});

function methods(store: CallStore): CallStore {
  return {
    outlives: false,
    begin: (call) => store.begin(call),
    end: (id, how) => store.end(id, how),
    withdraw: (id) => store.withdraw(id),
    forget: (bornBefore) => store.forget(bornBefore),
  };
}
