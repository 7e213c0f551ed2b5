/**
 * Handlers wrapped by atMostOnce() in advertised services: what clients see, and which instance a request is
 * meant for.
 */
import { expect, test, vi } from 'vitest';
import { createServer } from 'node:http';
import { startServer } from 'binding-clerk/server';
import { createClerk } from 'binding-clerk';
import { advertise, atMostOnce, memoryCalls, type IdempotencyStore } from 'binding-clerk/service';
import { hashParts } from '../../../src/runtime/hashing.js';
import { wrapHandler } from '../../../src/service/at-most-once/wrap-handler.js';
import { fakeService } from '../fake-service.js';
import { sendRequest, listenOnLoopback, newCallId } from './node-servers.js';
import { callId, recordedLogger } from './guarded-service.js';

const orders = { name: '/shop/orders', address: 'http://10.0.0.7:3001' };

function wrapFor(world: ReturnType<typeof fakeService>, store?: IdempotencyStore) {
  const handler = wrapHandler(() => new Response('ok'), store ? { store } : {}, {
    clock: world.runtime,
    digest: hashParts,
    logger: recordedLogger(),
    incarnation: 'incarnation-1',
    createStore: () => memoryCalls(),
  });
  let number = 0;
  const send = async (instance: string): Promise<string> => {
    const headers = {
      'clerk-call-id': callId(world.runtime.wallNow(), ++number),
      'clerk-instance': instance,
    };
    const response = (await handler(new Request('http://x/', { method: 'POST', headers }))) as Response;
    return `${response.status} ${response.headers.get('clerk-idempotency')}`;
  };
  return { handler, send };
}

test('clients see an attribute: the instance id, or the scope of a shared store', async () => {
  const shared = { ...memoryCalls(), isDurable: true, scope: 'orders-memory' };
  for (const method of ['begin', 'end', 'withdraw', 'expire'] as const)
    (shared as Record<string, unknown>)[method] = vi.fn(async () => ({ state: 'new' }));
  for (const [store, scope] of [
    [undefined, 'orders-1'],
    [shared, 'orders-memory'],
  ] as const) {
    const world = fakeService();
    const { handler } = wrapFor(world, store);
    await world.advertiser.advertise({
      ...orders,
      id: 'orders-1',
      attributes: { tier: 'gold' },
      atMostOnce: handler,
    });
    expect(world.registry.requests[0]?.payload).toMatchObject({
      id: 'orders-1',
      attributes: { tier: 'gold', 'at-most-once': scope },
    });
  }
});

test('the handler serves all epochs since the process started, and rejects earlier ones', async () => {
  const world = fakeService();
  const { handler, send } = wrapFor(world);
  const ad = await world.advertiser.advertise({ ...orders, id: 'orders-1', atMostOnce: handler });
  const first = ad.epoch;
  expect(await send(`orders-1 ${first}`)).toBe('200 null');
  expect(await send(`orders-1 ${first - 1}`)).toBe('421 elsewhere');
  expect(await send(`orders-2 ${first}`)).toBe('421 elsewhere');
  expect(await send(`orders-1 ${first + 1}`)).toBe('200 null');
  world.registry.services.clear();
  await world.runtime.advance(30_000);
  expect(ad.state).toBe('registered');
  expect(ad.epoch).toBeGreaterThanOrEqual(first);
  expect(await send(`orders-1 ${ad.epoch}`)).toBe('200 null');
  expect(await send(`orders-1 ${first}`)).toBe('200 null');
  expect(await send(`orders-1 ${first - 1}`)).toBe('421 elsewhere');
});

test('a service whose store cannot be opened is not advertised', async () => {
  const world = fakeService();
  const store = Object.assign(memoryCalls(), { open: () => Promise.reject(new Error('in use')) });
  const { handler } = wrapFor(world, store);
  await expect(world.advertiser.advertise({ ...orders, atMostOnce: handler })).rejects.toThrow('in use');
  expect(world.registry.requests).toEqual([]);
});

test('an unwrapped handler, and the attribute set by hand, are rejected', async () => {
  const { advertiser, runtime, ...rest } = fakeService();
  const { handler } = wrapFor({ advertiser, runtime, ...rest });
  for (const options of [
    { atMostOnce: () => undefined },
    { atMostOnce: 'yes' as never },
    { atMostOnce: handler, attributes: { 'at-most-once': 'x' } },
  ])
    await expect(advertiser.advertise({ ...orders, ...options })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
});

test('with a real registry, a request for an earlier epoch is rejected and one for the current epoch runs', async () => {
  await using registry = await startServer({ port: 0 });
  await using clerk = createClerk({ registry: registry.url });
  const start = async () => {
    const wrapped = atMostOnce((_request, response) => response.end('ok'));
    const server = createServer(wrapped);
    const port = await listenOnLoopback(server);
    const ad = await advertise({
      name: '/shop/orders',
      id: 'orders-1',
      address: server,
      registry: registry.url,
      atMostOnce: wrapped,
      drainOnSignal: false,
      logger: recordedLogger(),
    });
    const send = (epoch: number) =>
      sendRequest(port, { headers: { 'clerk-call-id': newCallId(), 'clerk-instance': `orders-1 ${epoch}` } });
    return { ad, send };
  };
  const first = await start();
  const { endpoints } = await clerk.resolve('/shop/orders');
  expect(endpoints[0]).toMatchObject({ id: 'orders-1', attributes: { 'at-most-once': 'orders-1' } });
  expect(await first.send(first.ad.epoch)).toMatchObject({ status: 200 });
  await first.ad.close();
  const second = await start();
  expect(second.ad.epoch).toBeGreaterThan(first.ad.epoch);
  expect(await second.send(second.ad.epoch)).toMatchObject({ status: 200 });
  expect(await second.send(first.ad.epoch)).toMatchObject({
    status: 421,
    headers: { 'clerk-idempotency': 'elsewhere', 'clerk-not-executed': '1' },
  });
  await second.ad.close();
});
