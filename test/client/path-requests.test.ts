/** `clerk.request` at the bundled registry: lookups of many paths, and paths while the registry is down. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk, type Clerk } from 'binding-clerk';
import { administer } from 'binding-clerk/admin';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { expect, onTestFinished, test, vi } from 'vitest';

/** A registry behind a proxy that counts lookups, and services that return their name and the path. */
async function registryWith(...names: readonly string[]) {
  const registry = await startServer({ port: 0 });
  onTestFinished(() => registry.close());
  const add = async (name: string): Promise<void> => {
    const server = createServer((request, response) => response.end(`${name} ${String(request.url)}`));
    server.listen(0, '127.0.0.1');
    const ad = await advertise({ name, address: server, registry: registry.url, drainOnSignal: false });
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
      await ad.close();
    });
  };
  for (const name of names) await add(name);
  const lookups: string[] = [];
  let isDown = false;
  const proxy = createServer((request, response) => {
    const url = new URL(request.url ?? '/', registry.url);
    if (url.pathname === '/v1/resolve') lookups.push(String(url.searchParams.get('name')));
    // Without watches, only lookups find changes.
    if (isDown || url.pathname === '/v1/watch') request.socket.destroy();
    else
      void fetch(url, { method: request.method ?? 'GET' }).then(async (answer) => {
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(await answer.text());
      });
  });
  await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const clerk = createClerk({
    registry: `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}`,
  });
  onTestFinished(() => clerk.destroy());
  return {
    ...{ registry, clerk, lookups, add },
    goDown: () => {
      isDown = true;
      proxy.closeAllConnections();
    },
  };
}

const textOf = async (clerk: Clerk, path: string): Promise<string> => (await clerk.request(path)).body.text();

test('a hundred paths of one service need the lookups of the first one', async () => {
  const { clerk, lookups } = await registryWith('/shop/orders');
  for (let i = 0; i < 100; i++)
    expect(await textOf(clerk, `/shop/orders/orders/${String(i)}`)).toBe(`/shop/orders /orders/${String(i)}`);
  expect([...new Set(lookups)].sort()).toEqual(['/shop', '/shop/orders']);
  expect(lookups.length).toBeLessThan(10);
});

test('a hundred concurrent paths share the lookups of the first one', async () => {
  const { clerk, lookups } = await registryWith('/shop/orders');
  await Promise.all(Array.from({ length: 100 }, (_, i) => textOf(clerk, `/shop/orders/orders/${String(i)}`)));
  expect([...new Set(lookups)].sort()).toEqual(['/shop', '/shop/orders']);
});

test('a new path of a known service succeeds while the registry is down', async () => {
  const { clerk, goDown } = await registryWith('/shop/orders');
  await textOf(clerk, '/shop/orders/orders/7');
  goDown();
  expect(await textOf(clerk, '/shop/orders/other/8')).toBe('/shop/orders /other/8');
  const { usableMs } = await clerk.resolve('/shop/orders');
  await vi.waitFor(async () => expect((await clerk.resolve('/shop/orders')).stale).toBe(true), {
    timeout: usableMs + 20_000,
    interval: 200,
  });
  expect(await textOf(clerk, '/shop/orders/later/9')).toBe('/shop/orders /later/9');
});

test('a service with names below is called for paths without a longer service', async () => {
  const { clerk } = await registryWith('/shop/orders', '/shop/orders/old');
  expect(await textOf(clerk, '/shop/orders/7')).toBe('/shop/orders /7');
  expect(await textOf(clerk, '/shop/orders/old/7')).toBe('/shop/orders/old /7');
});

test('a service that is registered below a known one gets its paths when the lookup has expired', async () => {
  const { clerk, add, registry } = await registryWith('/shop/orders');
  const admin = await administer({ registry: registry.url });
  onTestFinished(() => admin.close());
  expect((await admin.resolve('/shop/orders')).namesBelow).toBe(false);
  expect(await textOf(clerk, '/shop/orders/old/7')).toBe('/shop/orders /old/7');
  await add('/shop/orders/old');
  expect((await admin.resolve('/shop/orders')).namesBelow).toBe(true);
  await vi.waitFor(
    async () => expect(await textOf(clerk, '/shop/orders/old/7')).toBe('/shop/orders/old /7'),
    { timeout: 25_000, interval: 200 },
  );
});

test('a watch reports a name below a known service to the clerk', async () => {
  const { registry, add } = await registryWith('/shop/orders');
  const clerk = createClerk({ registry: registry.url });
  onTestFinished(() => clerk.destroy());
  // Longer than the test: only the watch can bring the change.
  const admin = await administer({ registry: registry.url });
  onTestFinished(() => admin.close());
  await admin.define('/shop/orders', { guaranteedMs: 3_600_000 });
  expect(await textOf(clerk, '/shop/orders/old/7')).toBe('/shop/orders /old/7');
  await add('/shop/orders/old');
  await vi.waitFor(
    async () => expect(await textOf(clerk, '/shop/orders/old/7')).toBe('/shop/orders/old /7'),
    { timeout: 25_000, interval: 50 },
  );
});
