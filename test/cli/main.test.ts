/** What only a process of its own shows: exit codes, pipes that close, signals. */
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { fakeRegistry } from './support/fake-registry.js';
import { spawnCli } from './support/spawn-cli.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function registry(answers: Parameters<typeof fakeRegistry>[0]) {
  const server = await fakeRegistry(answers);
  open.push(server);
  return server;
}

test('a command is done, and the process ends by itself', async () => {
  const { url } = await registry({
    list: { entries: [{ name: '/a', kind: 'directory' }], next: null, incarnation: 'i' },
  });
  expect(await spawnCli(['ls'], { CLERK_REGISTRY: url }).ended).toEqual({
    code: 0,
    signal: null,
    out: '/a  directory\n',
    err: '',
  });
});

test('the exit code is that of the failure', async () => {
  const { url } = await registry({});
  expect(await spawnCli(['resolve', '/a', '--registry', url]).ended).toMatchObject({ code: 3, out: '' });
  expect(await spawnCli(['nonsense']).ended).toMatchObject({ code: 2, out: '' });
});

test('a reader that has seen enough ends it quietly, in the middle of an endless list', async () => {
  let page = 0;
  const { url } = await registry({
    list: (_, response) => {
      page++;
      const next = `/p${String(page).padStart(9, '0')}`;
      const entries = Array.from({ length: 1_000 }, (_line, i) => ({
        name: `${next}/n${i}`,
        kind: 'directory',
      }));
      response.end(JSON.stringify({ entries, next, incarnation: 'i' }));
    },
  });
  const { child, ended } = spawnCli(['ls'], { CLERK_REGISTRY: url });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  expect(await ended).toMatchObject({ code: 0, signal: null, err: '' });
});

test('a signal ends what waits for an answer', async () => {
  const silent = await registry({ list: () => undefined });
  const { child, ended } = spawnCli(['ls'], { CLERK_REGISTRY: silent.url });
  while (silent.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: null, signal: 'SIGTERM', out: '' });
});

test('a registry, a service and a watch of three processes; each ends well by a signal', async () => {
  const serve = spawnCli(['serve', '--port', '0']);
  const url = (await serve.until(/^http.*\n/)).trim();
  const watch = spawnCli(['watch', '/shop/*'], { CLERK_REGISTRY: url });
  const service = spawnCli(['advertise', '/shop/orders', 'http://127.0.0.1:3001'], { CLERK_REGISTRY: url });
  await service.until(/^Registered \/shop\/orders at http:\/\/127\.0\.0\.1:3001/);
  await watch.until(/^[+~] \/shop\/orders {2}1 endpoint {2}http:\/\/127\.0\.0\.1:3001$/m);
  service.child.kill('SIGTERM');
  await watch.until(/^~ \/shop\/orders {2}1 endpoint {2}http:\/\/127\.0\.0\.1:3001 \(draining\)$/m);
  const ended = await service.ended;
  expect(ended).toMatchObject({ code: 0, signal: null, err: '' });
  expect(ended.out).toMatch(/\nWithdrawn \/shop\/orders at /);
  watch.child.kill('SIGINT');
  expect(await watch.ended).toMatchObject({ code: 0, signal: null, err: '' });
  serve.child.kill('SIGTERM');
  expect(await serve.ended).toMatchObject({ code: 0, signal: null });
});
