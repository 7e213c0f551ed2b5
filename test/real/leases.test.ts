/** Leases of a second between real processes that are stopped and killed. @see promises C5.1, C5.2, C5.3, C5.5 */
import { setTimeout } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';
import { scratchFolder } from './scratch-folder.js';

interface Listed {
  readonly id: string;
  readonly epoch: number;
}

async function listed(url: string): Promise<readonly Listed[]> {
  const reply = await fetch(`${url}/v1/resolve?name=/shop/orders`);
  const { endpoints = [] } = (await reply.json()) as { endpoints?: Listed[] };
  return endpoints.map(({ id, epoch }) => ({ id, epoch })).sort((a, b) => a.id.localeCompare(b.id));
}

async function ids(url: string): Promise<string> {
  return (await listed(url)).map(({ id }) => id).join(' ');
}

async function registry(
  data: string,
  port = '0',
): Promise<{ readonly server: SpawnedProgram; readonly url: string }> {
  const server = spawnProgram('registry.ts', [data, port]);
  return { server, url: await server.waitForLine('at') };
}

async function service(url: string, id: string): Promise<SpawnedProgram> {
  const started = spawnProgram('leased.ts', [url, id]);
  await started.waitForLine('registered');
  return started;
}

const soon = { timeout: 10_000, interval: 50 };

test('a service that is stopped for longer than its lease is gone, and comes back by itself', async () => {
  const { url } = await registry(scratchFolder());
  const [a] = [await service(url, 'a'), await service(url, 'b')];
  expect(await ids(url)).toBe('a b');

  a.child.kill('SIGSTOP');
  await vi.waitFor(async () => expect(await ids(url)).toBe('b'), soon);

  const back = a.waitForLine('back');
  a.child.kill('SIGCONT');
  // It knew that it was lost before it registered again.
  expect(Number(await back)).toBeGreaterThan(0);
  expect(await ids(url)).toBe('a b');
});

test('a server that is stopped for longer than all leases evicts nobody', async () => {
  const { server, url } = await registry(scratchFolder());
  await service(url, 'a');
  await service(url, 'b');
  const before = await listed(url);

  server.child.kill('SIGSTOP');
  await setTimeout(2_500);
  server.child.kill('SIGCONT');
  const until = performance.now() + 2_500;
  while (performance.now() < until) {
    expect(await listed(url)).toEqual(before);
    await setTimeout(20);
  }
});

test('a server that is killed has lost nothing, and every lease begins anew', async () => {
  const data = scratchFolder();
  const first = await registry(data);
  const { port } = new URL(first.url);
  await service(first.url, 'a');
  const b = await service(first.url, 'b');
  const before = await listed(first.url);
  expect(before).toHaveLength(2);

  // Nobody renews b any more, and its lease is over before the next server begins.
  b.child.kill('SIGKILL');
  first.server.child.kill('SIGKILL');
  await first.server.result;
  await setTimeout(1_200);
  const { url } = await registry(data, port);
  expect(await listed(url)).toEqual(before);

  await vi.waitFor(async () => expect(await ids(url)).toBe('a'), soon);
  await setTimeout(1_500);
  expect(await ids(url)).toBe('a');
});
