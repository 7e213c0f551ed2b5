import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { expect, onTestFinished, test } from 'vitest';

/** Tests of a clerk, a service and a registry in a test environment that replaces `AbortController` and `EventTarget`. */
export function testDomCalls(): void {
  test('a clerk calls, and signals of the environment abort', async () => {
    const server = createServer((request, response) => {
      if (request.url !== '/never') response.end('"ok"');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const clerk = createClerk({
      registry: { '/shop/orders': `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    });
    onTestFinished(async () => {
      await clerk.destroy();
      server.close();
      server.closeAllConnections();
    });
    const orders = clerk.bind('/shop/orders');
    const { signal } = new AbortController();
    expect(await orders.json('/', { signal })).toBe('ok');
    expect(await (await clerk.fetch('http://orders.shop.clerk/', { signal })).json()).toBe('ok');
    for (const call of [
      (abort: AbortSignal) => orders.request({ path: '/never', signal: abort }),
      (abort: AbortSignal) => clerk.fetch('http://orders.shop.clerk/never', { signal: abort }),
      (abort: AbortSignal) => orders.request({ path: '/never', signal: abort, kind: 'once', method: 'POST' }),
    ]) {
      const controller = new AbortController();
      const calling = call(controller.signal);
      setTimeout(() => controller.abort(), 100);
      await expect(calling).rejects.toMatchObject({ name: 'AbortError' });
    }
  });

  test('a registry, a service and a lookup work', async () => {
    const registry = await startServer({ port: 0 });
    const server = createServer((_request, response) => response.end('"ok"')).listen(0, '127.0.0.1');
    const { signal } = new AbortController();
    const ad = await advertise({ name: '/shop/orders', address: server, registry: registry.url, signal });
    const clerk = createClerk({ registry: registry.url });
    onTestFinished(async () => {
      await clerk.destroy();
      await ad.close();
      server.close();
      server.closeAllConnections();
      await registry.close();
    });
    expect((await clerk.resolve('/shop/orders', { signal })).endpoints).toHaveLength(1);
    expect(await clerk.bind('/shop/orders').json('/')).toBe('ok');
  });
}
