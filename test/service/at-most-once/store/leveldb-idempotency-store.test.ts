/** The folder of diskCalls(): ownership, damaged files and batched writes. */
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { ClassicLevel } from 'classic-level';
import { describe, expect, test } from 'vitest';
import { diskCalls, type CallRecord } from 'binding-clerk/service';
import { LeveldbIdempotencyStore } from '../../../../src/service/at-most-once/store/leveldb-idempotency-store.js';
import { withChecksum } from '../../../../src/core/checksum.js';
import { temporaryPath } from '../../../server/temporary-path.js';
import { callId } from '../guarded-service.js';

function call(number: number, createdAt = 1_800_000_000_000 + number): CallRecord {
  return { id: callId(createdAt, number), createdAt: createdAt, fingerprint: 'f', owner: 'o 1' };
}

const done = { status: 200, headers: [['x', 'y']] as const, body: Buffer.from('z') };

async function edited(folder: string, edit: (level: ClassicLevel) => Promise<unknown>): Promise<void> {
  const level = new ClassicLevel(folder);
  await edit(level);
  await level.close();
}

test('the folder is created when first needed, for this user alone', async () => {
  const folder = temporaryPath('deep/calls');
  const store = diskCalls(folder);
  expect(existsSync(folder)).toBe(false);
  await store.open?.();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  await store.close?.();
});

test('a folder of another user, a link and a file are rejected', async () => {
  const folder = temporaryPath('calls');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  await expect(diskCalls(folder).open?.()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  chmodSync(folder, 0o755);
  symlinkSync(folder, `${folder}-link`);
  await expect(diskCalls(`${folder}-link`).open?.()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  writeFileSync(`${folder}-file`, '');
  await expect(diskCalls(`${folder}-file`).open?.()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const store = diskCalls(folder);
  await store.open?.();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  await store.close?.();
});

test('one process at a time has the folder; the next one gets it after close()', async () => {
  const folder = temporaryPath('calls');
  const [first, second] = [diskCalls(folder), diskCalls(folder)];
  await first.begin(call(1));
  await expect(second.begin(call(1))).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await first.close?.();
  expect(await second.begin(call(1))).toMatchObject({ state: 'running' });
  await second.close?.();
});

test('without its package the error says what to install', async () => {
  const store = new LeveldbIdempotencyStore(temporaryPath('calls'), {
    load: () => Promise.reject(new Error('Not found')),
    prepareFolder: async () => undefined,
  });
  await expect(store.begin(call(1))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('npm install classic-level') as string,
  });
});

describe('a damaged folder is rejected', () => {
  const keyOf = (number: number): string => `call/0${call(number).createdAt}/${call(number).id}`;
  test.each<[string, (level: ClassicLevel) => Promise<unknown>]>([
    ['a missing record', (level) => level.del(keyOf(1))],
    ['an extra record', (level) => level.put(keyOf(9), withChecksum(keyOf(9), '{"state":"running"}'))],
    ['a changed record', (level) => level.put(keyOf(1), withChecksum(keyOf(1), '{"state":"lost"}'))],
    ['a flipped bit', async (level) => level.put(keyOf(1), `${(await level.get(keyOf(1)))!.slice(0, -1)} `)],
    ['a missing tally', (level) => level.del('tally')],
    ['a damaged tally', (level) => level.put('tally', 'x')],
  ])('%s', async (_, edit) => {
    const folder = temporaryPath('calls');
    const store = diskCalls(folder);
    await store.begin(call(1));
    await store.begin(call(2));
    await store.close?.();
    await edited(folder, edit);
    const next = diskCalls(folder);
    for (let i = 0; i < 2; i++)
      await expect(next.begin(call(3))).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.not.stringContaining(call(1).id) as string,
      });
    await next.close?.();
  });

  test('a damaged response counts as not stored', async () => {
    const folder = temporaryPath('calls');
    const store = diskCalls(folder);
    for (const number of [1, 2]) {
      await store.begin(call(number));
      await store.end(call(number).id, { state: 'done', response: done });
    }
    await store.close?.();
    await edited(folder, async (level) => {
      const [first, second] = await level.keys({ gte: 'response/', lt: 'response0' }).all();
      await level.put(first!, 'x');
      await level.del(second!);
    });
    const next = diskCalls(folder);
    for (const number of [1, 2])
      expect(await next.begin(call(number))).toEqual({
        state: 'done',
        fingerprint: 'f',
        response: undefined,
      });
    await next.close?.();
  });
});

test('concurrent ends, withdrawals and expiry leave a consistent folder', async () => {
  const folder = temporaryPath('calls');
  for (let round = 0; round < 20; round++) {
    const store = diskCalls(folder);
    const calls = Array.from({ length: 30 }, (_, i) => call(round * 100 + i));
    await Promise.all(calls.map((one) => store.begin(one)));
    await Promise.all([
      ...calls.map((one, i) =>
        i % 3 === 0
          ? store.withdraw(one.id)
          : store.end(one.id, i % 3 === 1 ? { state: 'interrupted' } : { state: 'done', response: done }),
      ),
      store.expire(calls[15]!.createdAt),
      ...calls.map((one) => store.begin(one)),
      store.expire(calls[20]!.createdAt),
    ]);
    await store.close?.();
    const next = diskCalls(folder);
    await next.open?.();
    for (const [i, one] of calls.entries()) {
      const { state } = await next.begin(one);
      if (i < 19) expect(state).toBe('expired');
      if (i > 20 && i % 3 !== 0) expect(state).toBe(i % 3 === 1 ? 'interrupted' : 'done');
    }
    await next.close?.();
  }
});

test('many calls expire in batches, and none of their responses stays', async () => {
  const folder = temporaryPath('calls');
  const store = diskCalls(folder);
  const calls = Array.from({ length: 2_500 }, (_, i) => call(i));
  await Promise.all(calls.map((one) => store.begin(one)));
  await Promise.all(calls.map((one) => store.end(one.id, { state: 'done', response: done })));
  await store.expire(calls[2_400]!.createdAt);
  await store.close?.();
  await edited(folder, async (level) => {
    expect(await level.keys({ gte: 'call/', lt: 'call0' }).all()).toHaveLength(100);
    expect(await level.keys({ gte: 'response/', lt: 'response0' }).all()).toHaveLength(100);
  });
  const next = diskCalls(folder);
  expect(await next.begin(call(2_399))).toEqual({ state: 'expired' });
  expect(await next.begin(call(2_400))).toMatchObject({ state: 'done' });
  await next.close?.();
});

test('each write is synced before it resolves', async () => {
  const synced: unknown[] = [];
  class Watched extends ClassicLevel {
    override batch(): any {
      const batch = super.batch();
      const write = batch.write.bind(batch);
      batch.write = async (...args: any[]) => {
        synced.push(args[0]);
        return (write as (...args: any[]) => Promise<void>)(...args);
      };
      return batch;
    }
  }
  const store = new LeveldbIdempotencyStore(temporaryPath('calls'), {
    load: async () => ({ ClassicLevel: Watched }),
    prepareFolder: async () => undefined,
  });
  await Promise.all(Array.from({ length: 50 }, (_, number) => store.begin(call(number))));
  const begun = synced.length;
  await store.end(call(1).id, { state: 'done', response: done });
  // Concurrent calls share writes.
  expect(begun).toBeLessThan(10);
  expect(synced).toEqual(Array.from({ length: begun + 1 }, () => ({ sync: true })));
  await store.close();
});
