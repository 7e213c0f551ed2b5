/** Slow reads from the folder: an outdated read never decides. */
import { ClassicLevel } from 'classic-level';
import { expect, onTestFinished, test } from 'vitest';
import type { CallRecord } from 'binding-clerk/service';
import { LeveldbIdempotencyStore } from '../../../../src/service/at-most-once/store/leveldb-idempotency-store.js';
import { temporaryPath } from '../../../server/temporary-path.js';
import { callId } from '../guarded-service.js';

const createdAt = 1_800_000_000_000;
const call: CallRecord = { id: callId(createdAt), createdAt: createdAt, fingerprint: 'f', owner: 'o 1' };
const response = { status: 200, headers: [['x', 'y']] as const, body: Buffer.from('z') };

interface Slow {
  readonly store: LeveldbIdempotencyStore;
  /** Delays the result of the next read until the returned function is called. */
  delayNext(): () => void;
}

async function slowFolder(): Promise<Slow> {
  let delayed: Promise<void> | undefined;
  class SlowLevel extends ClassicLevel {
    override async get(...args: any[]): Promise<any> {
      const wait = delayed;
      delayed = undefined;
      const value = await (super.get as any)(...args);
      await wait;
      return value;
    }
  }
  const store = new LeveldbIdempotencyStore(temporaryPath('calls'), {
    load: async () => ({ ClassicLevel: SlowLevel }),
    prepareFolder: async () => undefined,
  });
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

test('a slow read never begins a call twice', async () => {
  const { store, delayNext } = await slowFolder();
  const go = delayNext();
  const second = store.begin(call);
  await afterRead();
  expect((await store.begin(call)).state).toBe('new');
  await store.end(call.id, { state: 'done', response });
  go();
  expect(await second).toEqual({ state: 'done', fingerprint: 'f', response });
});

test('a slow read never begins a call that was interrupted or has expired meanwhile', async () => {
  const { store, delayNext } = await slowFolder();
  let go = delayNext();
  const second = store.begin(call);
  await afterRead();
  await store.begin(call);
  await store.end(call.id, { state: 'interrupted' });
  go();
  expect((await second).state).toBe('interrupted');
  const other = { ...call, id: callId(createdAt, 2) };
  go = delayNext();
  const late = store.begin(other);
  await afterRead();
  await store.begin(other);
  await store.expire(createdAt + 1);
  go();
  expect((await late).state).toBe('expired');
});

test('a slow read begins a call that was withdrawn meanwhile, once', async () => {
  const { store, delayNext } = await slowFolder();
  const go = delayNext();
  const second = store.begin(call);
  await afterRead();
  await store.begin(call);
  await store.withdraw(call.id);
  go();
  const states = await Promise.all([second, store.begin(call), store.begin(call)]);
  expect(states.map(({ state }) => state).sort()).toEqual(['new', 'running', 'running']);
});

test('of concurrent ends, the one with a response wins', async () => {
  const { store, delayNext } = await slowFolder();
  for (let number = 1; number <= 4; number++) {
    const one = { ...call, id: callId(createdAt, number) };
    await store.begin(one);
    const go = number > 2 ? delayNext() : () => undefined;
    const [lost, done] = [{ state: 'interrupted' as const }, { state: 'done' as const, response }];
    const ends = (number % 2 ? [lost, done] : [done, lost]).map((how) => store.end(one.id, how));
    await afterRead();
    go();
    await Promise.all(ends);
    expect(await store.begin(one)).toEqual({ state: 'done', fingerprint: 'f', response });
  }
});

test('a slow read of one call delays no other', async () => {
  const { store, delayNext } = await slowFolder();
  const go = delayNext();
  const delayed = store.begin(call);
  await afterRead();
  const others = Array.from({ length: 100 }, (_, i) =>
    store.begin({ ...call, id: callId(createdAt, i + 2) }),
  );
  expect((await Promise.all(others)).every(({ state }) => state === 'new')).toBe(true);
  go();
  expect((await delayed).state).toBe('new');
});
