/** The field `namesBelow` of lookups: its value, its watches, and what it shows in a secured registry. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { startServer } from '../../src/server/index.js';
import { administer } from 'binding-clerk/admin';
import { securedRegistry, type SecuredClient } from './secured-registry.js';

async function openRegistry() {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  const registry = await administer({ registry: server.url });
  onTestFinished(() => registry.close());
  return { server, registry };
}

test('the first name below a service and the removal of the last one change the field', async () => {
  const { registry } = await openRegistry();
  await registry.define('/shop/orders', { guaranteedMs: 0 });
  const below = async (name: string): Promise<unknown> => (await registry.resolve(name)).namesBelow;
  expect(await below('/shop/orders')).toBe(false);
  await registry.define('/shop/orders2');
  expect(await below('/shop/orders')).toBe(false);
  await registry.define('/shop/orders/eu/old', { guaranteedMs: 0 });
  expect(await below('/shop/orders')).toBe(true);
  await registry.link('/checkout', '/shop/orders', { guaranteedMs: 0 });
  expect(await below('/checkout')).toBe(true);
  await registry.remove('/shop/orders/eu/old');
  expect(await below('/shop/orders')).toBe(false);
  expect(await below('/checkout')).toBe(false);
  expect(await registry.resolve('/shop')).not.toHaveProperty('namesBelow');
});

test('a name that moves below a service, and away, changes the field', async () => {
  const { registry } = await openRegistry();
  await registry.define('/shop/orders');
  await registry.define('/old');
  await registry.move('/old', '/shop/orders/old');
  expect((await registry.resolve('/shop/orders')).namesBelow).toBe(true);
});

/** The `namesBelow` of the events about a name, in order. */
async function watched(client: SecuredClient, name: string, until: number): Promise<unknown[]> {
  const puts = (events: readonly any[]): any[] => events.filter((event) => event.type === 'put');
  const events = await client.watch([name], (all) => puts(all).length >= until);
  return puts(events).map((event) => event.entry.namesBelow);
}

test.each([
  ['only on the service', ['/shop/orders'], false, false],
  ['on some names below', ['/shop/orders', '/shop/orders/old'], true, true],
  ['on all names below', ['/shop/orders', '/shop/orders/**'], false, true],
] as const)(
  'a client with rights %s learns of names below only what it may know',
  async (_what, paths, before, after) => {
    const { operator, enrol, allow } = await securedRegistry();
    const web = await enrol('/shop/web');
    for (const path of paths) await allow('/shop/web', path, ['read']);
    await operator.post('/v1/define', { name: '/shop/orders' });
    const lookups = async (): Promise<unknown[]> => [
      (await web.get('/v1/resolve?name=/shop/orders')).json.namesBelow,
      // The general route, which a query in another form takes.
      (await web.get('/v1/resolve?name=%2Fshop%2Forders&')).json.namesBelow,
    ];
    const [first, second = first] = await lookups();
    expect([first, second]).toEqual([before, before]);
    expect(await watched(web, '/shop/orders', 1)).toEqual([before]);
    await operator.post('/v1/define', { name: '/shop/orders/hidden' });
    expect((await lookups())[0]).toBe(after);
    expect(await watched(web, '/shop/orders', 1)).toEqual([after]);
  },
);

test('a watch in a secured registry gets no event for a hidden name below its service', async () => {
  const { operator, enrol, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  await allow('/shop/web', '/shop/orders', ['read']);
  await operator.post('/v1/define', { name: '/shop/orders', guaranteedMs: 0 });
  const events: any[] = [];
  const watching = web.watch(['/shop/orders'], (all) => {
    events.splice(0, events.length, ...all);
    return all.filter((event) => event.type === 'put').length >= 2;
  });
  await vi.waitFor(() => expect(events.length).toBeGreaterThan(1), { timeout: 20_000 });
  await operator.post('/v1/define', { name: '/shop/orders/hidden' });
  // The next event is about the service itself.
  await operator.post('/v1/define', { name: '/shop/orders', policy: 'random' });
  const puts = (await watching).filter((event) => event.type === 'put');
  expect(puts.map((event) => event.entry.policy)).toEqual([null, 'random']);
});
