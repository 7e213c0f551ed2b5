/** The command line as a process: exit codes, closed pipes and signals. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { fakeRegistry } from './support/fake-registry.js';
import { spawnCli } from './support/spawn-cli.js';
import { nodeArguments } from '../support/compiled-programs.js';

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function startFakeRegistry(responses: Parameters<typeof fakeRegistry>[0]) {
  const server = await fakeRegistry(responses);
  servers.push(server);
  return server;
}

test('the process ends after the command', async () => {
  const { url } = await startFakeRegistry({
    list: { entries: [{ name: '/a', kind: 'directory' }], next: null, revision: '1', incarnation: 'i' },
  });
  expect(await spawnCli(['ls'], { CLERK_REGISTRY: url }).ended).toEqual({
    code: 0,
    signal: null,
    out: '/a  directory\n',
    err: '',
  });
});

test('the exit code is that of the error', async () => {
  const { url } = await startFakeRegistry({});
  expect(await spawnCli(['resolve', '/a', '--registry', url]).ended).toMatchObject({ code: 3, out: '' });
  expect(await spawnCli(['nonsense']).ended).toMatchObject({ code: 2, out: '' });
});

test('a closed output pipe ends an endless list without an error', async () => {
  let page = 0;
  const { url } = await startFakeRegistry({
    list: (_, response) => {
      page++;
      const next = `/p${String(page).padStart(9, '0')}`;
      const entries = Array.from({ length: 1_000 }, (_line, i) => ({
        name: `${next}/n${i}`,
        kind: 'directory',
      }));
      response.end(JSON.stringify({ entries, next, revision: '1', incarnation: 'i' }));
    },
  });
  const { child, ended } = spawnCli(['ls'], { CLERK_REGISTRY: url });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  expect(await ended).toMatchObject({ code: 0, signal: null, err: '' });
});

test('an output that is full ends the command with a message', async () => {
  const { url } = await startFakeRegistry({
    list: { entries: [{ name: '/a', kind: 'directory' }], next: null, revision: '1', incarnation: 'i' },
  });
  const full = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(full));
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const child = spawn(process.execPath, [...nodeArguments(main), 'ls', '--registry', url], {
    stdio: ['ignore', full, 'pipe'],
  });
  let err = '';
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect({ code, err }).toEqual({
    code: 1,
    err: 'clerk: Standard output cannot be written: ENOSPC: no space left on device, write\n',
  });
});

test('a signal ends a command that waits for a response', async () => {
  const silent = await startFakeRegistry({ list: () => undefined });
  const { child, ended } = spawnCli(['ls'], { CLERK_REGISTRY: silent.url });
  while (silent.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: null, signal: 'SIGTERM', out: '' });
});

test('serve, advertise and watch as processes, each ended by a signal', async () => {
  const serve = spawnCli(['serve', '--port', '0']);
  const url = (await serve.until(/^http.*\n/)).trim();
  const watch = spawnCli(['watch', '/shop/*'], { CLERK_REGISTRY: url });
  const { url: address } = await startFakeRegistry({});
  const service = spawnCli(['advertise', '/shop/orders', address], { CLERK_REGISTRY: url });
  await service.until(new RegExp(`^Registered /shop/orders at ${address}`));
  await watch.until(new RegExp(`^[+~] /shop/orders  1 endpoint  ${address}$`, 'm'));
  service.child.kill('SIGTERM');
  await watch.until(new RegExp(`^~ /shop/orders  1 endpoint  ${address} \\(draining\\)$`, 'm'));
  const ended = await service.ended;
  expect(ended).toMatchObject({ code: 0, signal: null, err: '' });
  expect(ended.out).toMatch(/\nWithdrawn \/shop\/orders at /);
  watch.child.kill('SIGINT');
  expect(await watch.ended).toMatchObject({ code: 0, signal: null, err: '' });
  serve.child.kill('SIGTERM');
  expect(await serve.ended).toMatchObject({ code: 0, signal: null });
});
