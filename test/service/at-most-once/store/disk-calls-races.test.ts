/** What a folder of calls makes of reads that are slow: whatever happens meanwhile, what was read before is not believed. */
import { ClassicLevel } from 'classic-level';
import { expect, onTestFinished, test } from 'vitest';
import type { CallRecord } from 'binding-clerk/service';
import { DiskCalls } from '../../../../src/service/at-most-once/store/disk-calls.js';
import { temporaryPath } from '../../../server/temporary-path.js';
import { callId } from '../guarded-service.js';

const bornAt = 1_800_000_000_000;
const call: CallRecord = { id: callId(bornAt), createdAt: bornAt, fingerprint: 'f', owner: 'o 1' };
const answer = { status: 200, headers: [['x', 'y']] as const, body: Buffer.from('z') };

interface Slow {
  readonly store: DiskCalls;
  /** The next read of one record has its value at once, and tells it only when the returned function was called. */
  holdNext(): () => void;
}

async function slowFolder(): Promise<Slow> {
  let held: Promise<void> | undefined;
  class SlowLevel extends ClassicLevel {
    override async get(...args: any[]): Promise<any> {
      const wait = held;
      held = undefined;
      const value = await (super.get as any)(...args);
      await wait;
      return value;
    }
  }
  const store = new DiskCalls(temporaryPath('calls'), {
    load: async () => ({ ClassicLevel: SlowLevel }),
    prepareFolder: async () => undefined,
  });
  onTestFinished(() => store.close());
  await store.open();
  return {
    store,
    holdNext: () => {
      let go = (): void => undefined;
      held = new Promise((resolve) => (go = resolve));
      return go;
    },
  };
}

/** Long enough for a read of a few bytes, which has no other sign. */
const aRead = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

test('a slow read never begins a call twice', async () => {
  const { store, holdNext } = await slowFolder();
  const go = holdNext();
  const second = store.begin(call);
  await aRead();
  expect((await store.begin(call)).state).toBe('new');
  await store.end(call.id, { state: 'done', response: answer });
  go();
  expect(await second).toEqual({ state: 'done', fingerprint: 'f', answer });
});

test('a slow read never begins what was lost or forgotten meanwhile', async () => {
  const { store, holdNext } = await slowFolder();
  let go = holdNext();
  const second = store.begin(call);
  await aRead();
  await store.begin(call);
  await store.end(call.id, { state: 'interrupted' });
  go();
  expect((await second).state).toBe('interrupted');
  const other = { ...call, id: callId(bornAt, 2) };
  go = holdNext();
  const late = store.begin(other);
  await aRead();
  await store.begin(other);
  await store.expire(bornAt + 1);
  go();
  expect((await late).state).toBe('expired');
});

test('a slow read begins what was withdrawn meanwhile, once', async () => {
  const { store, holdNext } = await slowFolder();
  const go = holdNext();
  const second = store.begin(call);
  await aRead();
  await store.begin(call);
  await store.withdraw(call.id);
  go();
  const states = await Promise.all([second, store.begin(call), store.begin(call)]);
  expect(states.map(({ state }) => state).sort()).toEqual(['new', 'running', 'running']);
});

test('of ends that come together an answer stays', async () => {
  const { store, holdNext } = await slowFolder();
  for (let number = 1; number <= 4; number++) {
    const one = { ...call, id: callId(bornAt, number) };
    await store.begin(one);
    const go = number > 2 ? holdNext() : () => undefined;
    const [lost, done] = [{ state: 'interrupted' as const }, { state: 'done' as const, response: answer }];
    const ends = (number % 2 ? [lost, done] : [done, lost]).map((how) => store.end(one.id, how));
    await aRead();
    go();
    await Promise.all(ends);
    expect(await store.begin(one)).toEqual({ state: 'done', fingerprint: 'f', answer });
  }
});

test('a slow read of one call holds up no other', async () => {
  const { store, holdNext } = await slowFolder();
  const go = holdNext();
  const held = store.begin(call);
  await aRead();
  const others = Array.from({ length: 100 }, (_, i) => store.begin({ ...call, id: callId(bornAt, i + 2) }));
  expect((await Promise.all(others)).every(({ state }) => state === 'new')).toBe(true);
  go();
  expect((await held).state).toBe('new');
});
