/** The idempotency store suite, run on the store in memory, the one in a folder and a shared one. */
import { describe, expect, test } from 'vitest';
import { idempotencyStoreSuite, type IdempotencyStoreLocation } from 'binding-clerk/testing';
import {
  diskCalls,
  memoryCalls,
  type IdempotencyStore,
  type CallLookup,
  type RunningCall,
} from 'binding-clerk/service';
import { temporaryPath } from '../../../server/temporary-path.js';

/** A store shared by several handles. */
function shared(): IdempotencyStoreLocation {
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
        isDurable: true,
        scope: 'shared-1',
        begin: open((call) => memory.begin(call)),
        end: open((id, result) => memory.end(id, result)),
        withdraw: open((id) => memory.withdraw(id)),
        expire: open((bornBefore) => memory.expire(bornBefore)),
        close: async () => void (isClosed = true),
      } satisfies IdempotencyStore;
    },
  };
}

const places: Record<string, () => IdempotencyStoreLocation> = {
  memory: () => ({ open: () => memoryCalls() }),
  disk: () => {
    const folder = temporaryPath('calls');
    return { open: () => diskCalls(folder) };
  },
  shared,
};

describe.each(Object.entries(places))('%s', (_, create) => {
  test.each(idempotencyStoreSuite({ create }))('$name', ({ run }) => run());
});

test.each<[string, (store: IdempotencyStore) => IdempotencyStore]>([
  ['reports every call as new', (store) => ({ ...methods(store), begin: async () => ({ state: 'new' }) })],
  [
    'reports expired calls as new',
    (store) => ({
      ...methods(store),
      begin: async (call) =>
        (await store.begin(call)).state === 'expired' ? { state: 'new' } : store.begin(call),
    }),
  ],
  [
    'expires too much',
    (store) => ({ ...methods(store), expire: (bornBefore) => store.expire(bornBefore + 1) }),
  ],
  [
    'stores no responses',
    (store) => ({ ...methods(store), end: (id) => store.end(id, { state: 'interrupted' }) }),
  ],
  [
    'withdraws more than requested',
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
    idempotencyStoreSuite({ create: () => ({ open: () => broken(memoryCalls()) }) }).map(({ run }) => run()),
  );
  expect(results.some(({ status }) => status === 'rejected')).toBe(true);
});

/** Reads, waits, then writes what follows from the earlier read. Remembers only running calls besides. */
function stale(slow: 'begin' | 'end'): IdempotencyStore {
  const [records, running] = [new Map<string, CallLookup>(), new Set<string>()];
  let operations = 0;
  const delay = async (method: string): Promise<void> => {
    if (method === slow) for (let i = (++operations * 7) % 50; i > 0; i--) await Promise.resolve();
  };
  return {
    isDurable: false,
    begin: async ({ id, fingerprint, owner }) => {
      const found = records.get(id);
      await delay('begin');
      if (found !== undefined) return found;
      if (running.has(id)) return { state: 'running', fingerprint, owner };
      running.add(id);
      records.set(id, { state: 'running', fingerprint, owner });
      return { state: 'new' };
    },
    end: async (id, result) => {
      const found = records.get(id) as RunningCall;
      await delay('end');
      if ((found as CallLookup).state === 'done') return;
      records.set(id, { ...result, fingerprint: found.fingerprint });
      running.delete(id);
    },
    withdraw: async () => undefined,
    expire: async () => undefined,
  };
}

test.each<['begin' | 'end', string]>([
  ['begin', '`begin` reports a call as new to one of many concurrent callers only'],
  ['end', 'keeps the response when a response and an interruption are recorded'],
])('the suite notices a store whose %s trusts an outdated read', async (slow, name) => {
  const found = idempotencyStoreSuite({ create: () => ({ open: () => stale(slow) }) });
  await expect(found.find((one) => one.name.startsWith(name))?.run()).rejects.toThrow();
});

function methods(store: IdempotencyStore): IdempotencyStore {
  return {
    isDurable: false,
    begin: (call) => store.begin(call),
    end: (id, result) => store.end(id, result),
    withdraw: (id) => store.withdraw(id),
    expire: (bornBefore) => store.expire(bornBefore),
  };
}
