/** Slow reads from the folder: an outdated read never decides. */
import { expect, onTestFinished, test } from 'vitest';
import type { CallRecord } from 'binding-clerk/service';
import { DiskIdempotencyStore } from '../../../../src/service/at-most-once/store/disk-idempotency-store.js';
import { MemoryFolder } from '../../../server/store/memory-folder.js';
import { randomHex } from '../../../server/store/store-options.js';
import { callId } from '../guarded-service.js';

const createdAt = 1_800_000_000_000;
const call: CallRecord = { id: callId(createdAt), createdAt: createdAt, fingerprint: 'f', owner: 'o 1' };
const response = { status: 200, headers: [['x', 'y']] as const, body: Buffer.from('z') };

interface Slow {
  readonly store: DiskIdempotencyStore;
  /** Delays the next read until the returned function is called. */
  delayNext(): () => void;
}

async function slowFolder(): Promise<Slow> {
  let delayed: Promise<void> | undefined;
  const folder = new MemoryFolder();
  folder.hook = async (operation, _, perform) => {
    perform();
    if (operation !== 'read') return;
    const wait = delayed;
    delayed = undefined;
    await wait;
  };
  const store = new DiskIdempotencyStore('/calls', { openFolder: folder.open, randomHex });
  onTestFinished(() => store.close());
  await store.open();
  return {
    store,
    delayNext: () => {
      let go = (): void => undefined;
      delayed = new Promise((resolve) => (go = resolve));
      return go;
    },
  };
}

/** Enough for a read of a few bytes, which has no event. */
const afterRead = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

test('a slow read of a running call that ends meanwhile finds the response', async () => {
  const { store, delayNext } = await slowFolder();
  expect((await store.begin(call)).state).toBe('new');
  const go = delayNext();
  const second = store.begin(call);
  await afterRead();
  await store.end(call.id, { state: 'done', response });
  go();
  expect(await second).toEqual({ state: 'done', fingerprint: 'f', response });
});

test('a slow read of a call that expires meanwhile finds it expired', async () => {
  const { store, delayNext } = await slowFolder();
  await store.begin(call);
  await store.end(call.id, { state: 'interrupted' });
  const go = delayNext();
  const second = store.begin(call);
  await afterRead();
  await store.expire(createdAt + 1);
  go();
  expect((await second).state).toBe('expired');
});

test('a slow read of a call that is withdrawn meanwhile begins the call once', async () => {
  const { store, delayNext } = await slowFolder();
  await store.begin(call);
  const go = delayNext();
  const second = store.begin(call);
  await afterRead();
  await store.withdraw(call.id);
  go();
  const states = await Promise.all([second, store.begin(call), store.begin(call)]);
  expect(states.map(({ state }) => state).sort()).toEqual(['new', 'running', 'running']);
});

test('a begin that waits for a write while its call expires is rejected', async () => {
  const { store } = await slowFolder();
  await store.begin(call);
  const older = { ...call, id: callId(createdAt, 2) };
  const [expired, late] = await Promise.all([store.expire(createdAt + 1), store.begin(older)]);
  expect(expired).toBeUndefined();
  expect(['new', 'expired']).toContain(late.state);
  expect((await store.begin(older)).state).toBe('expired');
});

test('of concurrent ends, the one with a response wins', async () => {
  const { store } = await slowFolder();
  for (let number = 1; number <= 4; number++) {
    const one = { ...call, id: callId(createdAt, number) };
    await store.begin(one);
    const [lost, done] = [{ state: 'interrupted' as const }, { state: 'done' as const, response }];
    const ends = (number % 2 ? [lost, done] : [done, lost]).map((how) => store.end(one.id, how));
    await Promise.all(ends);
    expect(await store.begin(one)).toEqual({ state: 'done', fingerprint: 'f', response });
  }
});

test('a slow read of one call delays no other', async () => {
  const { store, delayNext } = await slowFolder();
  await store.begin(call);
  const go = delayNext();
  const delayed = store.begin(call);
  await afterRead();
  const others = Array.from({ length: 100 }, (_, i) =>
    store.begin({ ...call, id: callId(createdAt, i + 2) }),
  );
  expect((await Promise.all(others)).every(({ state }) => state === 'new')).toBe(true);
  go();
  expect((await delayed).state).toBe('running');
});
