import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClassicLevel as Level } from 'classic-level';
import { expect, test } from 'vitest';
import type { LeveldbHost } from '../../../src/core/open-leveldb.js';
import { leveldbStore } from '../../../src/server/store/leveldb-store.js';
import { leveldbHost } from './leveldb-host.js';
import { temporaryPath } from '../temporary-path.js';

test('creates the folder readable by its owner only', async () => {
  const folder = temporaryPath('deep/data');
  const store = leveldbStore(folder, leveldbHost);
  expect(existsSync(folder)).toBe(false);
  await store.load();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  await store.close();
});

test('closes a folder that others can read, and rejects one that they can write', async () => {
  const folder = temporaryPath('data');
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const store = leveldbStore(folder, leveldbHost);
  await store.load();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  await store.close();

  for (const mode of [0o720, 0o702, 0o777]) {
    chmodSync(folder, mode);
    await expect(leveldbStore(folder, leveldbHost).load()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('chmod 700') as string,
    });
  }
});

test('rejects a symbolic link and a file', async () => {
  const folder = temporaryPath('data');
  mkdirSync(folder, { mode: 0o700 });
  symlinkSync(folder, `${folder}-link`);
  await expect(leveldbStore(`${folder}-link`, leveldbHost).load()).rejects.toMatchObject({
    code: 'FORBIDDEN',
  });
  writeFileSync(`${folder}-file`, '');
  await expect(leveldbStore(`${folder}-file`, leveldbHost).load()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
});

test.skipIf(process.getuid?.() !== 0)('rejects a folder of another user', async () => {
  const folder = temporaryPath('data');
  mkdirSync(folder, { mode: 0o700 });
  const { chownSync } = await import('node:fs');
  chownSync(folder, 12_345, 12_345);
  await expect(leveldbStore(folder, leveldbHost).load()).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('got user 12345') as string,
  });
});

test('rejects a second store on an open folder; the first keeps working', async () => {
  const folder = temporaryPath('data');
  const store = leveldbStore(folder, leveldbHost);
  await store.load();
  await expect(leveldbStore(folder, leveldbHost).load()).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining(`'${folder}' is in use by another process`) as string,
  });
  await store.write([{ key: 'a', value: '1' }]);
  await store.close();
  const next = leveldbStore(folder, leveldbHost);
  expect([...(await next.load())]).toEqual([['a', '1']]);
  await next.close();
});

test('without the package the error says what to install', async () => {
  const store = leveldbStore(temporaryPath('data'), {
    ...leveldbHost,
    load: () => Promise.reject(new Error("Cannot find package 'classic-level'")),
  });
  await expect(store.load()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('npm install classic-level') as string,
  });
});

test('each write is synced before it resolves', async () => {
  const { ClassicLevel } = await import('classic-level');
  const writes: unknown[] = [];
  class RecordingLevel extends ClassicLevel {
    override batch(...args: unknown[]): any {
      const batch = (super.batch as (...all: unknown[]) => any)(...args);
      const write = batch.write.bind(batch);
      batch.write = (options?: unknown) => {
        writes.push(options);
        return write(options);
      };
      return batch;
    }
  }
  const store = leveldbStore(temporaryPath('data'), {
    ...leveldbHost,
    load: async () => ({ ClassicLevel: RecordingLevel }),
  });
  await store.load();
  await store.write([{ key: 'a', value: '1' }]);
  await store.write([{ key: 'a', value: undefined }]);
  expect(writes).toEqual([{ sync: true }, { sync: true }]);
  await store.close();
});

test('after a failed write all later writes fail', async () => {
  const folder = temporaryPath('data');
  const { ClassicLevel } = await import('classic-level');
  let isFull = false;
  class FullDisk extends ClassicLevel {
    override batch(...args: unknown[]): any {
      const batch = (super.batch as (...all: unknown[]) => any)(...args);
      if (isFull) batch.write = () => Promise.reject(new Error('No space left on device'));
      return batch;
    }
  }
  const module = { ClassicLevel: FullDisk } as unknown as Awaited<ReturnType<LeveldbHost['load']>>;
  const store = leveldbStore(folder, { ...leveldbHost, load: async () => module });
  await store.load();
  await store.write([{ key: 'a', value: '1' }]);
  isFull = true;
  await expect(store.write([{ key: 'b', value: '2' }])).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: expect.stringContaining('No space left') as string,
  });
  isFull = false;
  await expect(store.write([{ key: 'c', value: '3' }])).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
  });
  await store.close();
  const next = leveldbStore(folder, leveldbHost);
  expect([...(await next.load())]).toEqual([['a', '1']]);
  await next.close();
});

const files = (folder: string, ending: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

test('a damaged record is found and named', async () => {
  const folder = temporaryPath('data');
  const { ClassicLevel } = await import('classic-level');
  const store = leveldbStore(folder, leveldbHost);
  await store.load();
  await store.write([
    { key: 'service:/shop/orders', value: 'original' },
    { key: 'b', value: '2' },
  ]);
  await store.close();
  // Changed without the store, so the checksum no longer matches.
  const level = new ClassicLevel(folder);
  const text = (await level.get('service:/shop/orders')) as string;
  await level.put('service:/shop/orders', text.replace('original', 'modified'));
  await level.close();
  await expect(leveldbStore(folder, leveldbHost).load()).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringContaining("damaged record 'service:/shop/orders'") as string,
  });
});

test('a removed, added or replaced record is found', async () => {
  const { ClassicLevel } = await import('classic-level');
  const { withChecksum } = await import('../../../src/core/checksum.js');
  for (const tamper of [
    (level: Level) => level.del('a'),
    (level: Level) => level.put('c', withChecksum('c', '3')),
    (level: Level) => level.put('a', withChecksum('a', '0')),
    (level: Level) => level.del('\0census'),
  ]) {
    const folder = temporaryPath('data');
    const store = leveldbStore(folder, leveldbHost);
    await store.load();
    await store.write([{ key: 'a', value: '1' }]);
    await store.close();
    const level = new ClassicLevel(folder);
    await tamper(level);
    await level.close();
    await expect(leveldbStore(folder, leveldbHost).load()).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('has lost records') as string,
    });
  }
});

test('a flipped bit in the log is found, or loses only the records after it', async () => {
  const folder = temporaryPath('data');
  const store = leveldbStore(folder, leveldbHost);
  await store.load();
  const writes = 300;
  const value = 'v'.repeat(500);
  for (let i = 0; i < writes; i++) await store.write([{ key: `k${i}`, value: `${value}${i}` }]);
  await store.close();
  const [log] = files(folder, '.log');
  const original = readFileSync(log as string);
  const { cpSync } = await import('node:fs');
  let detected = 0;
  let truncated = 0;
  let seed = 7;
  for (let round = 0; round < 40; round++) {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    const at = seed % original.length;
    const copy = `${folder}-${round}`;
    cpSync(folder, copy, { recursive: true });
    chmodSync(copy, 0o700);
    const damaged = Buffer.from(original);
    damaged[at] = (damaged[at] as number) ^ (1 << (round % 8));
    writeFileSync(join(copy, (log as string).slice(folder.length + 1)), damaged);
    const next = leveldbStore(copy, leveldbHost);
    try {
      const records = await next.load();
      // The remaining records are a prefix of the writes, unchanged.
      for (let i = 0; i < records.size; i++) expect(records.get(`k${i}`)).toBe(`${value}${i}`);
      truncated += 1;
    } catch (error) {
      expect(error).toMatchObject({ code: 'REGISTRY_INVALID' });
      detected += 1;
    } finally {
      await next.close();
    }
  }
  expect(detected + truncated).toBe(40);
  expect(detected).toBeGreaterThan(0);
});

test('a killed writer loses no acknowledged write and leaves no partial write', async () => {
  const folder = temporaryPath('data');
  const program = fileURLToPath(new URL('../programs/store-writer.ts', import.meta.url));
  let acknowledged = 0;
  for (let cycle = 0; cycle < 5; cycle++) {
    const child = spawn(process.execPath, ['--import', 'tsx', program, folder], {
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

    const store = leveldbStore(folder, leveldbHost);
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
  await expect(leveldbStore('/proc/clerk/data', leveldbHost).load()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  const folder = temporaryPath('deep/er/data');
  const store = leveldbStore(folder, leveldbHost);
  await store.load();
  await store.close();
});
