/**
 * Leases of 1 s between real processes that are stopped and killed. @see
 * [C5.1](../../docs/guarantees.md#c5-1), [C5.2](../../docs/guarantees.md#c5-2),
 * [C5.3](../../docs/guarantees.md#c5-3), [C5.5](../../docs/guarantees.md#c5-5)
 */
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
  const started = spawnProgram('leased-service.ts', [url, id]);
  await started.waitForLine('registered');
  return started;
}

const soon = { timeout: 10_000, interval: 50 };

test('a service stopped for longer than its lease disappears, and registers again by itself', async () => {
  const { url } = await registry(scratchFolder());
  const [a] = [await service(url, 'a'), await service(url, 'b')];
  expect(await ids(url)).toBe('a b');

  a.child.kill('SIGSTOP');
  await vi.waitFor(async () => expect(await ids(url)).toBe('b'), soon);

  const back = a.waitForLine('back');
  a.child.kill('SIGCONT');
  // It noticed the lost lease before it registered again.
  expect(Number(await back)).toBeGreaterThan(0);
  expect(await ids(url)).toBe('a b');
});

test('a registry stopped for longer than all leases expires none of them', async () => {
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

test('a killed registry loses no data, and every lease restarts', async () => {
  const data = scratchFolder();
  const first = await registry(data);
  const { port } = new URL(first.url);
  await service(first.url, 'a');
  const b = await service(first.url, 'b');
  const before = await listed(first.url);
  expect(before).toHaveLength(2);

  // b is not renewed any more, and its lease has ended before the next registry starts.
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
