import { spawn } from 'node:child_process';
import {
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { journalStore } from '../../../src/server/store/journal-store.js';
import type { Store } from '../../../src/server/ports.js';
import { temporaryPath } from '../temporary-path.js';
import { MemoryFolder } from './memory-folder.js';
import { randomHex, storeOptions } from './store-options.js';
import { nodeArguments } from '../../support/compiled-programs.js';

const openAt = (folder: string): Store => journalStore(folder, storeOptions);
const openIn = (folder: MemoryFolder, minCheckpointBytes?: number): Store =>
  journalStore('/data', {
    openFolder: folder.open,
    randomHex,
    ...(minCheckpointBytes !== undefined && { minCheckpointBytes }),
  });

test('creates the folder readable by its owner only', async () => {
  const folder = temporaryPath('deep/data');
  const store = openAt(folder);
  expect(existsSync(folder)).toBe(false);
  await store.load();
  await store.write([{ key: 'a', value: '1' }]);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(folder))
    if (name !== 'lock') expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  await store.close();
});

test('closes a folder that others can read, and rejects one that they can write', async () => {
  const folder = temporaryPath('data');
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const store = openAt(folder);
  await store.load();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  await store.close();

  for (const mode of [0o720, 0o702, 0o777]) {
    chmodSync(folder, mode);
    await expect(openAt(folder).load()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('chmod 700') as string,
    });
  }
});

test('rejects a symbolic link and a file', async () => {
  const folder = temporaryPath('data');
  mkdirSync(folder, { mode: 0o700 });
  symlinkSync(folder, `${folder}-link`);
  await expect(openAt(`${folder}-link`).load()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  writeFileSync(`${folder}-file`, '');
  await expect(openAt(`${folder}-file`).load()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test.skipIf(process.getuid?.() !== 0)('rejects a folder of another user, with the chown to run', async () => {
  const folder = temporaryPath('data');
  mkdirSync(folder, { mode: 0o700 });
  const { chownSync } = await import('node:fs');
  chownSync(folder, 12_345, 12_345);
  await expect(openAt(folder).load()).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringMatching(/got user 12345\. Use .*sudo chown -R 0 /) as string,
  });
});

test.skipIf(process.getuid?.() !== 0)('rejects a file of another user, with the chown to run', async () => {
  const folder = temporaryPath('data');
  const store = openAt(folder);
  await store.load();
  await store.close();
  const { chownSync } = await import('node:fs');
  chownSync(join(folder, 'end'), 12_345, 12_345);
  await expect(openAt(folder).load()).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining(
      `contains 'end', which belongs to user 12345, and this process runs as user 0 (root); change the owner: sudo chown -R 0 ${folder}`,
    ) as string,
  });
});

test('rejects a second store on an open folder; the first keeps working', async () => {
  const folder = temporaryPath('data');
  const store = openAt(folder);
  await store.load();
  await expect(openAt(folder).load()).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining(`'${folder}' is in use by another process`) as string,
  });
  await store.write([{ key: 'a', value: '1' }]);
  await store.close();
  const next = openAt(folder);
  expect([...(await next.load())]).toEqual([['a', '1']]);
  await next.close();
});

test('a damaged lock is created again', async () => {
  const folder = temporaryPath('data');
  const store = openAt(folder);
  await store.load();
  await store.write([{ key: 'a', value: '1' }]);
  await store.close();
  for (const name of readdirSync(join(folder, 'lock'))) writeFileSync(join(folder, 'lock', name), 'x');
  const next = openAt(folder);
  expect((await next.load()).get('a')).toBe('1');
  await next.close();
});

test('a batch and then the end mark are written before a write resolves', async () => {
  const folder = new MemoryFolder();
  const store = openIn(folder);
  await store.load();
  folder.operations.length = 0;
  await store.write([{ key: 'a', value: '1' }]);
  await store.write([{ key: 'a', value: undefined }]);
  const one = ['write journal-00000001', 'write end'];
  expect(folder.operations).toEqual([...one, ...one]);
  await store.close();
});

test.skipIf(process.platform !== 'linux')('the operating system syncs each write', async () => {
  const folder = temporaryPath('data');
  for (let start = 0; start < 2; start++) {
    const store = openAt(folder);
    await store.load();
    const flags = readdirSync('/proc/self/fd').flatMap((descriptor) => {
      try {
        const path = readlinkSync(`/proc/self/fd/${descriptor}`);
        if (!path.startsWith(join(folder, 'journal')) && path !== join(folder, 'end')) return [];
        return [/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1]];
      } catch {
        return [];
      }
    });
    expect(flags).toHaveLength(2);
    for (const flag of flags) expect(parseInt(String(flag), 8) & constants.O_DSYNC).toBe(constants.O_DSYNC);
    await store.close();
  }
});

test('a write is not acknowledged before the end mark is written', async () => {
  const folder = new MemoryFolder();
  const store = openIn(folder);
  await store.load();
  let finish = (): void => undefined;
  folder.hook = async (_, name, perform) => {
    if (name === 'end') await new Promise<void>((resolve) => (finish = resolve));
    perform();
  };
  let isAcknowledged = false;
  const writing = store.write([{ key: 'a', value: '1' }]).then(() => (isAcknowledged = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isAcknowledged).toBe(false);
  finish();
  await writing;
  await store.close();
});

test.each(['before', 'after'])('a write that fails %s it is on disk is the last one', async (moment) => {
  for (const name of ['journal-00000001', 'end']) {
    const folder = new MemoryFolder();
    const store = openIn(folder);
    await store.load();
    await store.write([{ key: 'a', value: '1' }]);
    folder.hook = (_, file, perform) => {
      if (file !== name || moment === 'after') perform();
      if (file === name) throw new Error('No space left on device');
    };
    const failure = {
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('No space left') as string,
    };
    await expect(store.write([{ key: 'b', value: '2' }])).rejects.toMatchObject(failure);
    folder.hook = (_, __, perform) => perform();
    await expect(store.write([{ key: 'c', value: '3' }])).rejects.toMatchObject(failure);
    await store.close();
    const next = openIn(folder);
    const found = Object.fromEntries(await next.load());
    // The journal and the end mark each contain the batch, which was not acknowledged.
    expect(found).toEqual({ a: '1', b: '2' });
    await next.write([{ key: 'd', value: '4' }]);
    await next.close();
  }
});

test('a checkpoint takes the place of old batches while writes continue', async () => {
  const folder = new MemoryFolder();
  const store = openIn(folder, 2_000);
  await store.load();
  const expected: Record<string, string> = {};
  for (let i = 0; i < 400; i++) {
    const key = `k${i % 20}`;
    expected[key] = 'v'.repeat(i % 50) + String(i);
    await store.write([{ key, value: expected[key] }]);
    if (i % 7 === 0) {
      delete expected[key];
      await store.write([{ key, value: undefined }]);
    }
    if (i % 50 === 49) {
      const next = openIn(folder.copy(), 2_000);
      expect(Object.fromEntries(await next.load())).toEqual(expected);
    }
  }
  await store.close();
  expect(
    Number([...folder.files.keys()].find((name) => name.startsWith('checkpoint'))?.slice(-8)),
  ).toBeGreaterThan(3);
  const totalBytes = [...folder.files]
    .filter(([name]) => name !== 'end')
    .reduce((sum, [, { length }]) => sum + length, 0);
  expect(totalBytes).toBeLessThan(20_000);
  const next = openIn(folder);
  expect(Object.fromEntries(await next.load())).toEqual(expected);
  await next.close();
});

test('a checkpoint that cannot be written loses nothing, and is tried again', async () => {
  const folder = new MemoryFolder();
  const store = openIn(folder, 1_000);
  await store.load();
  folder.hook = (operation, name, perform) => {
    if (name.startsWith('checkpoint') && operation === 'write') throw new Error('No space left on device');
    perform();
  };
  for (let i = 0; i < 100; i++) await store.write([{ key: `k${i}`, value: String(i) }]);
  const killed = openIn(folder.copy());
  expect((await killed.load()).size).toBe(100);
  folder.hook = (_, __, perform) => perform();
  for (let i = 0; i < 300; i++) await store.write([{ key: `k${i % 100}`, value: String(i) }]);
  await store.close();
  const next = openIn(folder);
  expect((await next.load()).get('k99')).toBe('299');
  await next.close();
});

test('a start at any moment of a killed start, write or checkpoint finds all that was acknowledged', async () => {
  const folder = new MemoryFolder();
  const images: { readonly copy: MemoryFolder; readonly acknowledged: number }[] = [];
  let acknowledged = 0;
  folder.hook = (operation, name, perform) => {
    if (operation !== 'read') images.push({ copy: folder.copy(), acknowledged });
    perform();
    if (operation === 'write') {
      // A kill in the middle of the write.
      const torn = folder.copy();
      const bytes = torn.files.get(name) as Buffer;
      torn.files.set(name, bytes.subarray(0, bytes.length - 3));
      images.push({ copy: torn, acknowledged });
    }
  };
  for (let start = 0; start < 3; start++) {
    const store = openIn(folder, 300);
    await store.load();
    for (let i = 0; i < 30; i++) {
      await store.write([{ key: 'n', value: String(acknowledged + 1) }]);
      acknowledged++;
    }
    await store.close();
  }
  expect(images.length).toBeGreaterThan(200);
  for (const image of images) {
    const store = openIn(image.copy, 300);
    const found = Number((await store.load()).get('n') ?? 0);
    expect([image.acknowledged, image.acknowledged + 1]).toContain(found);
    await store.write([{ key: 'next', value: '1' }]);
    await store.close();
    const next = openIn(image.copy);
    expect(Object.fromEntries(await next.load())).toEqual({
      next: '1',
      ...(found > 0 && { n: String(found) }),
    });
  }
});

test('the last batch is restored from the end mark', async () => {
  const used = new MemoryFolder();
  const store = openIn(used);
  await store.load();
  for (const value of ['1', '2', '3']) await store.write([{ key: 'a', value }]);
  await store.close();
  const journal = used.files.get('journal-00000001') as Buffer;
  for (const cut of [1, 10, 30]) {
    const folder = used.copy();
    folder.files.set('journal-00000001', journal.subarray(0, journal.length - cut));
    for (let start = 0; start < 2; start++) {
      const next = openIn(folder);
      expect((await next.load()).get('a')).toBe('3');
      await next.close();
    }
    expect(folder.files.get('journal-00000001')).toEqual(journal);
  }
  used.files.set('journal-00000001', journal.subarray(0, journal.length - 40));
  await expect(openIn(used).load()).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
});

test('a batch that is too long for the end mark is on disk before the mark', async () => {
  const folder = new MemoryFolder();
  const store = openIn(folder);
  await store.load();
  let isWritten = false;
  folder.hook = async (_, name, perform) => {
    if (name === 'end') expect(isWritten).toBe(true);
    else await new Promise((resolve) => setImmediate(resolve));
    perform();
    isWritten = true;
  };
  await store.write([{ key: 'a', value: 'x'.repeat(70_000) }]);
  folder.hook = (_, __, perform) => perform();
  await store.close();
  const journal = folder.files.get('journal-00000001') as Buffer;
  folder.files.set('journal-00000001', journal.subarray(0, -1));
  await expect(openIn(folder).load()).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
});

test('says why a folder is not opened, and what to do', async () => {
  const used = new MemoryFolder();
  const store = openIn(used, 500);
  await store.load();
  for (let i = 0; i < 50; i++) await store.write([{ key: `k${i}`, value: 'x'.repeat(20) }]);
  await store.close();
  const names = [...used.files.keys()];
  const journal = names.filter((name) => name.startsWith('journal')).at(-1) as string;
  const checkpoint = names.find((name) => name.startsWith('checkpoint')) as string;
  const salvage = 'clerk salvage /data --to NEW';
  const refused = async (expected: string, change: (files: Map<string, Buffer>) => void): Promise<void> => {
    const copy = used.copy();
    change(copy.files);
    const before = new Map(copy.files);
    await expect(openIn(copy).load()).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining(expected) as string,
    });
    expect(copy.files).toEqual(before);
  };
  const flip = (files: Map<string, Buffer>, name: string, at: number): void => {
    const bytes = files.get(name) as Buffer;
    bytes[at] = (bytes[at] as number) ^ 4;
  };
  await refused(`has lost the file '${journal}'`, (files) => files.delete(journal));
  await refused(salvage, (files) => files.delete(journal));
  await refused(`has lost the file '${checkpoint}'`, (files) => files.delete(checkpoint));
  await refused("has lost the file 'end'", (files) => files.delete('end'));
  await refused("has a damaged file 'end'", (files) => files.set('end', Buffer.alloc(0)));
  await refused('has lost its journal', (files) => {
    for (const name of names) if (name !== 'README') files.delete(name);
  });
  await refused(`has a damaged header in the file '${journal}'`, (files) => flip(files, journal, 3));
  await refused('has a damaged batch', (files) => flip(files, journal, 200));
  await refused('damaged or incomplete file', (files) => flip(files, checkpoint, 200));
  await refused('in the LevelDB format of an earlier version', (files) => {
    files.clear();
    files.set('CURRENT', Buffer.from('MANIFEST-000002\n'));
  });
  await refused('the folder contains logs', (files) => {
    files.clear();
    files.set('logs', Buffer.alloc(0));
  });
  await refused('with the content of checkpoint', (files) =>
    files.set(journal, files.get(checkpoint) as Buffer),
  );
});

test('a folder with only foreign files counts as new', async () => {
  const folder = new MemoryFolder();
  folder.files.set('lost+found', Buffer.alloc(0));
  folder.files.set('.snapshot', Buffer.alloc(0));
  const store = openIn(folder);
  expect((await store.load()).size).toBe(0);
  await store.close();
});

test('a folder that contains only its README was used', async () => {
  const folder = temporaryPath('data');
  const store = openAt(folder);
  await store.load();
  await store.close();
  for (const name of readdirSync(folder))
    if (name !== 'README') rmSync(join(folder, name), { recursive: true });
  await expect(openAt(folder).load()).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
});

test('a killed writer loses no acknowledged write and leaves no partial write', async () => {
  const folder = temporaryPath('data');
  const program = fileURLToPath(new URL('../programs/store-writer.ts', import.meta.url));
  let acknowledged = 0;
  for (let cycle = 0; cycle < 5; cycle++) {
    const child = spawn(process.execPath, [...nodeArguments(program), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    await new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.split('\n').length > 20 + cycle * 7) child.kill('SIGKILL');
      });
      child.once('close', () => resolve());
    });
    const lines = output.split('\n').slice(0, -1);
    const last = Number(lines.at(-1));
    expect(lines.length).toBeGreaterThan(19);
    expect(last).toBeGreaterThan(acknowledged);
    acknowledged = last;

    const store = openAt(folder);
    const records = await store.load();
    await store.close();
    const written = Number(records.get('left'));
    expect(records.get('right')).toBe(records.get('left'));
    expect(written).toBeGreaterThanOrEqual(acknowledged);
    expect(written).toBeLessThanOrEqual(acknowledged + 1);
    expect(records.size).toBe(written + 2);
    acknowledged = written;
  }
});

test('rejects a folder that cannot be created, even where mkdir reports ENOENT', async () => {
  await expect(openAt('/proc/clerk/data').load()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const store = openAt(temporaryPath('deep/er/data'));
  await store.load();
  await store.close();
});
