/** The folder of diskCalls(): ownership, damaged files and batched writes. */
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { diskCalls, type CallRecord } from 'binding-clerk/service';
import { DiskIdempotencyStore } from '../../../../src/service/at-most-once/store/disk-idempotency-store.js';
import { journalStore } from '../../../../src/server/store/journal-store.js';
import { MemoryFolder } from '../../../server/store/memory-folder.js';
import { randomHex, storeOptions } from '../../../server/store/store-options.js';
import { temporaryPath } from '../../../server/temporary-path.js';
import { callId } from '../guarded-service.js';

function call(number: number, createdAt = 1_800_000_000_000 + number): CallRecord {
  return { id: callId(createdAt, number), createdAt: createdAt, fingerprint: 'f', owner: 'o 1' };
}

const done = { status: 200, headers: [['x', 'y']] as const, body: Buffer.from('z') };

function openIn(folder: MemoryFolder, maxFileBytes?: number): DiskIdempotencyStore {
  return new DiskIdempotencyStore('/calls', {
    openFolder: folder.open,
    randomHex,
    ...(maxFileBytes !== undefined && { maxFileBytes }),
  });
}

function file(files: Map<string, Buffer>): Buffer {
  return files.get('journal-00000001') as Buffer;
}

function flip(files: Map<string, Buffer>, name: string, at: number): void {
  const bytes = files.get(name) as Buffer;
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] as number) ^ 4;
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

describe('a damaged folder is rejected', () => {
  test.each<[string, (files: Map<string, Buffer>) => void]>([
    ['a flipped bit', (files) => flip(files, 'journal-00000001', 250)],
    ['a shortened journal', (files) => files.set('journal-00000001', file(files).subarray(0, 250))],
    ['an empty journal', (files) => files.set('journal-00000001', Buffer.alloc(0))],
    ['a missing journal', (files) => files.delete('journal-00000001')],
    ['a missing end mark', (files) => files.delete('end')],
    ['an empty end mark', (files) => files.set('end', Buffer.alloc(0))],
  ])('%s', async (_, damage) => {
    const folder = new MemoryFolder();
    const store = openIn(folder);
    await store.begin(call(1));
    await store.begin(call(2));
    await store.begin(call(3));
    await store.close();
    damage(folder.files);
    const next = openIn(folder);
    for (let i = 0; i < 2; i++)
      await expect(next.begin(call(4))).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(
          /could run twice\. No file was changed; run clerk salvage \/calls --to NEW/,
        ) as string,
      });
    await next.close();
  });

  test('a record that is damaged later is not read', async () => {
    const folder = new MemoryFolder();
    const store = openIn(folder);
    await store.begin(call(1));
    flip(folder.files, 'journal-00000001', -3);
    await expect(store.begin(call(1))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await store.close();
  });

  test('the data folder of a registry is rejected', async () => {
    const folder = temporaryPath('calls');
    const registry = journalStore(folder, storeOptions);
    await registry.load();
    await registry.write([{ key: 'a', value: '1' }]);
    await registry.close();
    await expect(diskCalls(folder).begin(call(1))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('stores the names of a registry') as string,
    });
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

test('the files of expired calls are removed, and the calls stay expired', async () => {
  const folder = new MemoryFolder();
  const store = openIn(folder, 4_000);
  const calls = Array.from({ length: 500 }, (_, i) => call(i * 1_000));
  for (const one of calls) {
    expect((await store.begin(one)).state).toBe('new');
    await store.end(one.id, { state: 'done', response: done });
  }
  const journals = (): string[] => [...folder.files.keys()].filter((name) => name.startsWith('journal'));
  const before = journals().length;
  expect(before).toBeGreaterThan(20);
  await store.expire(calls[400]!.createdAt);
  for (let i = 0; i < 3; i++) await store.begin(call(1_000_000 + i));
  await store.close();
  expect(journals().length).toBeLessThan(before / 2);
  for (let start = 0; start < 2; start++) {
    const next = openIn(folder, 4_000);
    for (const [i, one] of calls.entries())
      expect((await next.begin(one)).state).toBe(i < 400 ? 'expired' : 'done');
    await next.close();
  }
});

test('a limit of expired calls survives the file in which it was stored', async () => {
  const folder = new MemoryFolder();
  const store = openIn(folder, 1);
  for (let i = 0; i < 20; i++) await store.begin(call(i));
  await store.expire(call(20).createdAt);
  for (let i = 0; i < 40; i++) await store.begin(call(1_000 + i));
  await store.close();
  expect(folder.files.has('journal-00000021')).toBe(false);
  const next = openIn(folder);
  for (let i = 0; i < 20; i++) expect((await next.begin(call(i))).state).toBe('expired');
  await next.close();
});

test('an expiry that is not on disk removes no file', async () => {
  const folder = new MemoryFolder();
  const store = openIn(folder, 2_000);
  for (let i = 0; i < 100; i++) await store.begin(call(i));
  const images: MemoryFolder[] = [];
  folder.hook = (_, __, perform) => {
    images.push(folder.copy());
    perform();
  };
  const later = Array.from({ length: 500 }, (_, i) => call(1_000 + i));
  const beginning = later.map((one) => store.begin(one));
  const expiring = store.expire(call(90).createdAt);
  await Promise.all([...beginning, expiring]);
  await store.close();
  for (const image of [...images, folder]) {
    const next = openIn(image);
    for (const number of [0, 50, 89, 95])
      expect(['expired', 'running']).toContain((await next.begin(call(number))).state);
    await next.close();
  }
});

test('concurrent calls share writes, each with its end mark', async () => {
  const folder = new MemoryFolder();
  const store = openIn(folder);
  await store.open();
  folder.operations.length = 0;
  await Promise.all(Array.from({ length: 50 }, (_, number) => store.begin(call(number))));
  await store.end(call(1).id, { state: 'done', response: done });
  expect(folder.operations.length).toBeLessThan(10);
  expect(folder.operations.slice(-2)).toEqual(['write journal-00000001', 'write end']);
  await store.close();
});

test('a large response is stored and read again', async () => {
  const store = openIn(new MemoryFolder());
  const response = { ...done, body: Buffer.alloc(20_000, 'x') };
  await store.begin(call(1));
  await store.end(call(1).id, { state: 'done', response });
  expect(await store.begin(call(1))).toEqual({ state: 'done', fingerprint: 'f', response });
  await store.close();
});
