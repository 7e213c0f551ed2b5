import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { PrivateFiles } from '../../src/core/files.js';
import { SnapshotFile } from '../../src/resolve/snapshot-file.js';
import { systemFiles } from '../../src/runtime/system-files.js';
import { ManualClock, flushPromises } from '../support/manual-clock.js';
import { resolvedService } from './manual-resolver.js';

const hour = 3_600_000;

/** A file, and programs that open it one after the other. */
function disk(text?: string) {
  const clock = new ManualClock();
  const warnings: string[] = [];
  const logger = {
    debug: () => {},
    info: () => {},
    warn: (message: string) => void warnings.push(message),
    error: (message: string) => void warnings.push(message),
  };
  const state = { text, writes: 0, failing: false };
  const files: PrivateFiles = {
    read: () => state.text,
    replace: async (_path, written) => {
      if (state.failing) throw new Error('No space left');
      state.writes++;
      state.text = written;
    },
  };
  const open = (
    maxBytes?: number,
    writeProblem: () => string | undefined = () => undefined,
  ): SnapshotFile => {
    const options = {
      ...{ path: 'known.json', files: { ...files, writeProblem } },
      ...{ clock, logger, maxStaleMs: hour },
    };
    const snapshot = new SnapshotFile(maxBytes === undefined ? options : { ...options, maxBytes });
    snapshot.load();
    return snapshot;
  };
  return { clock, warnings, state, open };
}

test('results are read back by the next program, as expired', async () => {
  const { clock, state, open } = disk();
  const snapshot = open();
  expect(snapshot.find('/x')).toBeUndefined();
  snapshot.record(resolvedService(clock, { name: '/x', ids: ['a', 'b'], policy: 'random', revision: '7' }));
  await flushPromises();
  expect(state.writes).toBe(0);
  clock.advance(1_000);
  await flushPromises();
  expect(state.writes).toBe(1);

  clock.advance(hour / 2);
  const next = open();
  const resolved = next.find('/x');
  expect(resolved).toMatchObject({
    kind: 'bound',
    name: '/x',
    policy: 'random',
    revision: '7',
    ttlMs: 0,
    requestedAt: clock.now() - hour / 2 - 1_000,
  });
  expect(resolved?.endpoints.map(({ id, address }) => [id, address])).toEqual([
    ['a', 'http://a:80'],
    ['b', 'http://b:80'],
  ]);
  expect(next.find('/x')).toBeUndefined();
});

test('the service config is read back', async () => {
  const { clock, open } = disk();
  const snapshot = open();
  const config = {
    policy: 'random',
    timeoutMs: 900,
    attemptTimeoutMs: { min: 50, max: undefined },
    retries: { max: 1, statuses: [503], budget: { ratio: 0.2, minPerSecond: undefined } },
  };
  snapshot.record({ ...resolvedService(clock, { name: '/x' }), ...config });
  snapshot.record({ ...resolvedService(clock, { name: '/y' }), retries: false });
  await snapshot.close();
  expect(['/x', '/y'].map((name) => open().find(name))).toMatchObject([config, { retries: false }]);
});

test('changes are written together after 1 s, unchanged results after 60 s', async () => {
  const { clock, state, open } = disk();
  const snapshot = open();
  for (let i = 0; i < 100; i++) {
    snapshot.record(resolvedService(clock, { name: `/n${i}` }));
    clock.advance(5);
  }
  clock.advance(1_000);
  await flushPromises();
  expect(state.writes).toBe(1);
  for (let i = 0; i < 10; i++) {
    clock.advance(4_000);
    snapshot.record(resolvedService(clock, { name: '/n1' }));
  }
  await flushPromises();
  expect(state.writes).toBe(1);
  clock.advance(60_000);
  await flushPromises();
  expect(state.writes).toBe(2);
});

test('an absent name is removed from the file', async () => {
  const { clock, open } = disk();
  const snapshot = open();
  snapshot.record(resolvedService(clock, { name: '/x' }));
  snapshot.record(resolvedService(clock, { name: '/y' }));
  snapshot.record(resolvedService(clock, { name: '/x', kind: 'absent', ids: [] }));
  await snapshot.close();
  expect(['/x', '/y'].map((name) => open().find(name)?.name)).toEqual([undefined, '/y']);
});

test('entries older than an hour or from the future are ignored', async () => {
  const { clock, open } = disk();
  const snapshot = open();
  snapshot.record(resolvedService(clock, { name: '/x' }));
  await snapshot.close();
  clock.shiftWallClock(hour - 1);
  expect(open().find('/x')).toBeDefined();
  clock.shiftWallClock(1);
  expect(open().find('/x')).toBeUndefined();
  clock.shiftWallClock(-hour - 1);
  expect(open().find('/x')).toBeUndefined();
});

test.each([
  '',
  'not json',
  'null',
  '{"v":1,"names":[]}',
  '{"v":2}\nnull',
  '{"v":2}\n{"name":"x","requestedWallAt":1}',
  '{"v":2}\n{"name":"/x","requestedWallAt":1',
  '{"v":2}\n{"name":"/x","requestedWallAt":1,"endpoints":[]}\n{',
])('a damaged file is ignored with a warning: %s', (text) => {
  const { warnings, open } = disk(text);
  expect(open().find('/x')).toBeUndefined();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/^Snapshot file known\.json is ignored: /);
});

test.each([
  '"endpoints":[{"address":"ftp://x"}]',
  '"endpoints":7',
  '"endpoints":[]]',
  `"x":${'['.repeat(5_000)}`,
])('a damaged result is ignored with a warning, and the other results are used: %s', (rest) => {
  const { clock, state, warnings, open } = disk();
  const line = (name: string, text: string): string =>
    `{"name":"${name}","requestedWallAt":${String(clock.wallNow())},${text}}`;
  state.text = `{"v":2}\n${line('/x', rest)}\n${line('/y', '"endpoints":["http://b"]')}\n`;
  const snapshot = open();
  expect(warnings).toEqual([]);
  expect(snapshot.find('/y')?.endpoints).toHaveLength(1);
  expect(snapshot.find('/x')).toBeUndefined();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/^Snapshot file known\.json has a damaged result of \/x, which is ignored: /);
});

test('above the size limit, the oldest results are left out', async () => {
  const { clock, state, open } = disk();
  const snapshot = open(2_000);
  for (let i = 0; i < 100; i++) snapshot.record(resolvedService(clock, { name: `/n${String(i)}` }));
  await snapshot.close();
  expect(Buffer.byteLength(state.text ?? '')).toBeLessThanOrEqual(2_000);
  expect(Buffer.byteLength(state.text ?? '')).toBeGreaterThan(1_500);
  expect(open(2_000).find('/n99')).toBeDefined();
  expect(open(2_000).find('/n0')).toBeUndefined();
});

test('results that no program has needed are written again', async () => {
  const { clock, open } = disk();
  const first = open();
  first.record(resolvedService(clock, { name: '/x' }));
  await first.close();
  const second = open();
  second.record(resolvedService(clock, { name: '/y' }));
  await second.close();
  expect(open().find('/x')).toBeDefined();
});

test('a full disk is reported once, and the write is retried', async () => {
  const { clock, warnings, state, open } = disk();
  const snapshot = open();
  state.failing = true;
  for (let i = 0; i < 3; i++) {
    snapshot.record(resolvedService(clock, { name: `/n${i}` }));
    clock.advance(1_000);
    await flushPromises();
  }
  expect(warnings).toEqual(['Snapshot file known.json cannot be written: No space left']);
  state.failing = false;
  snapshot.record(resolvedService(clock, { name: '/n9' }));
  clock.advance(1_000);
  await flushPromises();
  const next = open();
  expect(['/n0', '/n1', '/n2', '/n9'].map((name) => next.find(name)?.name)).not.toContain(undefined);
});

test('a folder that cannot be written is reported once, at the start', async () => {
  const { clock, warnings, state, open } = disk();
  state.failing = true;
  const snapshot = open(undefined, () => 'permission denied');
  expect(warnings).toEqual(['Snapshot file known.json cannot be written: permission denied']);
  snapshot.record(resolvedService(clock, { name: '/x' }));
  clock.advance(1_000);
  await flushPromises();
  expect(warnings).toHaveLength(1);
  expect(systemFiles.writeProblem?.(join(tmpdir(), 'no-such-folder', 'known.json'))).toMatch(/^ENOENT/);
  expect(systemFiles.writeProblem?.(join(tmpdir(), 'known.json'))).toBeUndefined();
});

test('a pending write does not keep the process alive', async () => {
  const { clock, open } = disk();
  open().record(resolvedService(clock, { name: '/x' }));
  expect(clock.hasRefTimers).toBe(false);
});

test('on a real disk the file is replaced atomically and readable by its owner only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'snapshot-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'known.json');
  expect(systemFiles.read(path, 10)).toBeUndefined();
  await Promise.all([systemFiles.replace(path, 'one'), systemFiles.replace(path, 'two')]);
  expect(['one', 'two']).toContain(systemFiles.read(path, 10));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['known.json']);

  await writeFile(path, 'x'.repeat(11));
  expect(() => systemFiles.read(path, 10)).toThrow('the file must have at most 10 bytes; got 11');
  await chmod(path, 0o620);
  expect(() => systemFiles.read(path, 100)).toThrow('the file is writable by other users');
  await symlink(path, join(folder, 'link'));
  expect(() => systemFiles.read(join(folder, 'link'), 100)).toThrow('ELOOP');
  expect(() => systemFiles.read(folder, 100)).toThrow('the file is not a regular file');
  await expect(systemFiles.replace(join(folder, 'nowhere', 'x'), 'text')).rejects.toThrow('ENOENT');
  expect(await readFile(path, 'utf8')).toHaveLength(11);
});
