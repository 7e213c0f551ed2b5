import { expect, test } from 'vitest';
import { journalStore } from '../../../src/server/store/journal-store.js';
import type { RecordChange, Store } from '../../../src/server/ports.js';
import { createFakeRuntime } from '../../../src/testing/fake-runtime.js';
import { MemoryFolder } from './memory-folder.js';

const open = (folder: MemoryFolder): Store =>
  journalStore('/data', {
    openFolder: folder.open,
    randomHex: (bytes) => 'ab'.repeat(bytes),
    minCheckpointBytes: 2_000,
  });

const contents = async (folder: MemoryFolder): Promise<string> => textOf(await open(folder).load());

const textOf = (records: ReadonlyMap<string, string>): string => JSON.stringify([...records].sort());

const withChanges = (
  records: ReadonlyMap<string, string>,
  changes: readonly RecordChange[],
): ReadonlyMap<string, string> => {
  const changed = new Map(records);
  for (const { key, value } of changes)
    if (value === undefined) changed.delete(key);
    else changed.set(key, value);
  return changed;
};

const fullDisk = (): Error => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

test('a store that failed at any operation has all acknowledged writes, and no other after its recovery', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const runtime = createFakeRuntime({ seed });
    const random = (): number => runtime.random();
    const folder = new MemoryFolder();
    const store = open(folder);
    await store.load();
    let isFailing = false;
    /** Content of the folder if the process ended now: the acknowledged records, or also the write in progress. */
    let allowed: ReadonlyMap<string, string>[] = [new Map()];
    const copies: { readonly folder: MemoryFolder; readonly allowed: readonly string[] }[] = [];
    folder.hook = (operation, _name, perform) => {
      if (random() < 0.05) copies.push({ folder: folder.copy(), allowed: allowed.map(textOf) });
      if (operation === 'read' || !isFailing || random() < 0.3) perform();
      else if (random() < 0.5) {
        perform();
        throw fullDisk();
      } else throw fullDisk();
    };
    for (let i = 0; i < 60; i++) {
      isFailing = random() < 0.15;
      const saved = allowed[0] as ReadonlyMap<string, string>;
      // A batch that is longer than the copy in the end mark is written in another order.
      const value = 'x'.repeat(random() < 0.1 ? 70_000 : Math.floor(random() * 200));
      const key = `k${String(Math.floor(random() * 20))}`;
      const changes = [{ key, value: random() < 0.2 ? undefined : `${String(i)} ${value}` }];
      const changed = withChanges(saved, changes);
      allowed = [saved, changed];
      try {
        await store.write(changes);
        allowed = [changed];
      } catch {
        await expect(store.write([{ key: 'rejected', value: '' }])).rejects.toThrow('/data');
        let isRecovered = false;
        while (!isRecovered) {
          isFailing = random() < 0.5;
          isRecovered = await store.recover().then(
            () => true,
            () => false,
          );
        }
        allowed = [saved];
        expect(await contents(folder.copy()), `seed ${String(seed)}`).toBe(textOf(saved));
      }
    }
    isFailing = false;
    await store.close();
    folder.hook = (_operation, _name, perform) => perform();
    expect(await contents(folder), `seed ${String(seed)}`).toBe(textOf(allowed[0] as never));
    expect([...folder.files.keys()]).not.toContain('.space-check');
    for (const copy of copies)
      expect(copy.allowed, `seed ${String(seed)}`).toContain(await contents(copy.folder));
  }
});

test('a store recovers only when the disk has space for more than the next write', async () => {
  const folder = new MemoryFolder();
  const store = open(folder);
  await store.load();
  let freeBytes = 0;
  folder.hook = (operation, name, perform) => {
    const before = folder.files.get(name)?.length ?? 0;
    perform();
    const grownBytes = (folder.files.get(name)?.length ?? 0) - before;
    if (operation === 'write' && grownBytes > freeBytes) throw fullDisk();
  };
  await expect(store.write([{ key: 'a', value: 'x' }])).rejects.toThrow(
    "Data folder '/data' could not be written: ENOSPC: no space left on device; free space on the disk",
  );
  freeBytes = 4_096;
  await expect(store.recover()).rejects.toThrow('ENOSPC');
  expect([...folder.files.keys()]).not.toContain('.space-check');
  freeBytes = 1_000_000;
  await store.recover();
  await store.write([{ key: 'b', value: 'x' }]);
  expect(await contents(folder.copy())).toBe('[["b","x"]]');
});
