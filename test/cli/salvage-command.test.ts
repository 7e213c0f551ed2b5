import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startServer } from 'binding-clerk/server';
import { diskCalls } from 'binding-clerk/service';
import { callId } from '../service/at-most-once/guarded-service.js';
import { temporaryPath } from '../server/temporary-path.js';
import { runCli } from './support/run-cli.js';

/** A data folder with the links /a/0 to /a/9. */
async function usedFolder(): Promise<string> {
  const folder = temporaryPath('data');
  const server = await startServer({ port: 0, data: folder });
  for (let i = 0; i < 10; i++)
    expect((await runCli(['link', `/a/${i}`, '/b'], { registry: server.url })).code).toBe(0);
  await server.close();
  return folder;
}

async function namesIn(folder: string): Promise<string> {
  const server = await startServer({ port: 0, data: folder });
  const { out } = await runCli(['export'], { registry: server.url });
  await server.close();
  return out;
}

function flip(folder: string, at: (length: number) => number): void {
  const path = join(folder, 'journal-00000001');
  const bytes = readFileSync(path);
  const index = at(bytes.length);
  bytes[index] = (bytes[index] as number) ^ 1;
  writeFileSync(path, bytes);
}

test('a complete folder is copied, and nothing is lost', async () => {
  const folder = await usedFolder();
  const { code, out } = await runCli(['salvage', folder, '--to', `${folder}-new`]);
  expect(out).toContain('Nothing is lost');
  expect(code).toBe(0);
  expect(await namesIn(`${folder}-new`)).toBe(await namesIn(folder));
});

test('a damaged header loses nothing', async () => {
  const folder = await usedFolder();
  flip(folder, () => 30);
  await expect(startServer({ port: 0, data: folder })).rejects.toThrow(`clerk salvage ${folder} --to NEW`);
  expect((await runCli(['salvage', folder, '--to', `${folder}-new`])).code).toBe(0);
  expect(await namesIn(`${folder}-new`)).toContain('/a/9');
});

test('a lost batch is listed with what it and later ones changed; the exit code is 1', async () => {
  const folder = await usedFolder();
  flip(folder, (length) => length - 300);
  const { code, out } = await runCli(['salvage', folder, '--to', `${folder}-new`]);
  expect(code).toBe(1);
  expect(out).toContain('has a damaged batch');
  expect(out).toMatch(/Lost:\n {2}batches \d+ to 11 of the journal\n/);
  expect(out).toContain('a change of entry /a/9');
  const saved = await namesIn(`${folder}-new`);
  expect(saved).toContain('/a/4');
  expect(saved).not.toContain('/a/9');
  const json = await runCli(['salvage', folder, '--to', `${folder}-json`, '--json']);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.out)).toMatchObject({
    records: expect.any(Number) as number,
    lost: expect.any(Array) as string[],
  });
});

test('without the end mark, the end counts as lost', async () => {
  const folder = await usedFolder();
  rmSync(join(folder, 'end'));
  const { code, out } = await runCli(['salvage', folder, '--to', `${folder}-new`]);
  expect(code).toBe(1);
  expect(out).toContain("has lost the file 'end'");
  expect(await namesIn(`${folder}-new`)).toContain('/a/9');
});

test('the calls of a service are saved, and calls that may be lost are refused', async () => {
  const folder = temporaryPath('calls');
  const createdAt = Date.now();
  const call = (number: number) => ({
    id: callId(createdAt, number),
    createdAt,
    fingerprint: 'f',
    owner: 'o 1',
  });
  const store = diskCalls(folder);
  for (let number = 1; number < 4; number++) await store.begin(call(number));
  await store.close?.();
  flip(folder, (length) => Math.floor(length / 2));
  await expect(diskCalls(folder).open?.()).rejects.toThrow(`clerk salvage ${folder} --to NEW`);
  const { code, out } = await runCli(['salvage', folder, '--to', `${folder}-new`]);
  expect(code).toBe(1);
  expect(out).toContain('refuses each call that was created before the salvage and has no record');
  const saved = diskCalls(`${folder}-new`);
  expect((await saved.begin(call(1))).state).toBe('running');
  expect((await saved.begin(call(3))).state).toBe('expired');
  expect((await saved.begin({ ...call(4), createdAt, id: callId(createdAt, 4) })).state).toBe('expired');
  const later = createdAt + 600_000;
  expect((await saved.begin({ ...call(5), createdAt: later, id: callId(later, 5) })).state).toBe('new');
  await saved.close?.();
});

test('wrong usage has exit code 2', async () => {
  const folder = await usedFolder();
  expect((await runCli(['salvage', folder])).code).toBe(2);
  expect((await runCli(['salvage'])).code).toBe(2);
  expect((await runCli(['salvage', `${folder}-none`, '--to', `${folder}-new`])).code).toBe(2);
  const target = await runCli(['salvage', folder, '--to', folder]);
  expect(target.code).toBe(2);
  expect(target.err).toContain('must be new or empty');
});

test('a folder in use has exit code 5', async () => {
  const folder = temporaryPath('data');
  const server = await startServer({ port: 0, data: folder });
  expect((await runCli(['salvage', folder, '--to', `${folder}-new`])).code).toBe(5);
  await server.close();
});
