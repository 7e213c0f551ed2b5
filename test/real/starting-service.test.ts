/**
 * Real services that advertise an address before they listen there.
 *
 * @see [C5.9](../../docs/guarantees.md#c5-9)
 */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { expect, onTestFinished, test, vi } from 'vitest';
import { acceptsConnection } from '../../src/runtime/accepts-connection.js';
import { parseAddress } from '../../src/core/address.js';
import { scratchFolder } from './scratch-folder.js';
import { spawnProgram } from './spawn-program.js';

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function registryAndClerk() {
  const registry = await startServer({ port: 0 });
  onTestFinished(() => registry.close());
  const clerk = createClerk({ registry: registry.url });
  onTestFinished(() => clerk.destroy());
  const shown = async (): Promise<readonly (readonly string[])[]> => {
    const response = await fetch(`${registry.url}/v1/resolve?name=/shop/orders`);
    const { endpoints, starting = [] } = (await response.json()) as Record<string, { state: string }[]>;
    return [endpoints ?? [], starting].map((list) => list.map(({ state }) => state));
  };
  return { registry, clerk, shown };
}

test.each(['127.0.0.1', '[::1]', 'localhost', 'unix'])(
  'a service at %s that advertises 1 s before it listens gets no call before, and no call fails',
  { timeout: 30_000 },
  async (host) => {
    const { registry, clerk, shown } = await registryAndClerk();
    const address =
      host === 'unix'
        ? `unix:${join(scratchFolder(), 'orders.sock')}`
        : `http://${host}:${String(await freePort(host === '[::1]' ? '::1' : '127.0.0.1'))}`;
    const service = spawnProgram('early-service.ts', [registry.url, address, '1000']);
    expect(await service.waitForLine('advertised')).toBe('starting');
    expect(await shown()).toEqual([[], ['starting']]);
    const codes: string[] = [];
    clerk.on('attempt', ({ outcome }) => codes.push(outcome.code));
    const orders = clerk.bind('/shop/orders');
    let isUp = false;
    void service.waitForLine('state').then(() => (isUp = true));
    const calls: Promise<string>[] = [];
    while (!isUp) {
      calls.push(orders.text('/', { timeoutMs: 20_000 }));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['ok']));
    expect(codes.length).toBeGreaterThanOrEqual(calls.length);
    expect(new Set(codes)).toEqual(new Set(['200']));
    expect(await shown()).toEqual([['up'], []]);
    service.child.kill('SIGKILL');
    const { stdout } = await service.result;
    expect(stdout).toMatch(/log .* is registered as starting[^\n]*\n[^]*log .* is registered as up, because/);
  },
);

test('a second process that is not up yet gets no call while the first one serves', async () => {
  const { registry, clerk } = await registryAndClerk();
  const first = `http://127.0.0.1:${String(await freePort('127.0.0.1'))}`;
  const second = `http://127.0.0.1:${String(await freePort('127.0.0.1'))}`;
  await spawnProgram('early-service.ts', [registry.url, first, '0']).waitForLine('state');
  await spawnProgram('early-service.ts', [registry.url, second, '60000']).waitForLine('advertised');
  const tried = new Set<string>();
  clerk.on('attempt', ({ outcome }) => tried.add(`${outcome.address} ${outcome.code}`));
  const orders = clerk.bind('/shop/orders');
  for (let i = 0; i < 50; i++) expect(await orders.text('/')).toBe('ok');
  expect([...tried]).toEqual([`${first} 200`]);
});

test('a service whose address accepts nothing can be closed, and is no longer registered', async () => {
  const { registry, shown } = await registryAndClerk();
  const address = `http://127.0.0.1:${String(await freePort('127.0.0.1'))}` as const;
  const warn = vi.fn();
  const logger = { debug: warn, info: warn, warn, error: warn };
  const ad = await advertise({ name: '/shop/orders', address, registry: registry.url, logger });
  expect([ad.state, await shown()]).toEqual(['starting', [[], ['starting']]]);
  await ad.drain();
  expect([ad.state, await shown()]).toEqual(['closed', [[], []]]);
});

test('a connection is accepted only where a server listens, and not after its signal has aborted', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address = parseAddress(`tcp://127.0.0.1:${String(port)}`);
  const { signal } = new AbortController();
  expect(await acceptsConnection(address, signal)).toBe(true);
  expect(await acceptsConnection(address, AbortSignal.abort())).toBe(false);
  server.close();
  await once(server, 'close');
  expect(await acceptsConnection(address, signal)).toBe(false);
});
