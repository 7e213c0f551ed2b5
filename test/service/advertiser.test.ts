import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer, createServer as createH2Server } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import { expect, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';
import { addressesOf, untilListening } from '../../src/service/server-addresses.js';
import type { RenewRequest } from '../../src/protocol/registration-messages.js';
import { launchProof } from '../../src/protocol/launch-proof.js';
import { systemHashing } from '../../src/runtime/hashing.js';
import { paths } from '../../src/protocol/paths.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { recordEvents, fakeService } from './fake-service.js';

const orders = { name: '/shop/orders', address: 'http://10.0.0.7:3001' };
const line = (more: object = {}): string =>
  JSON.stringify({
    v: 1,
    registry: ['http://launcher:4711'],
    name: '/shop/orders',
    instance: 'launched-1',
    epoch: 7,
    ticket: 'abc',
    registryKey: 'k',
    ...more,
  });

test('registers the service with all its properties and does not keep the process alive', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise({
    ...orders,
    version: '2.1.0',
    zone: 'a',
    weight: 2,
    attributes: { tier: 'gold' },
  });
  expect(registry.requests).toHaveLength(1);
  expect(registry.requests[0]?.payload).toEqual({
    name: '/shop/orders',
    id: expect.stringMatching(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ) as string,
    addresses: ['http://10.0.0.7:3001'],
    leaseMs: 10_000,
    host: 'fake-host',
    zone: 'a',
    version: '2.1.0',
    weight: 2,
    attributes: { tier: 'gold' },
  });
  expect(ad).toMatchObject({
    name: '/shop/orders',
    epoch: 1,
    state: 'registered',
    addresses: ['http://10.0.0.7:3001'],
    registry: ['http://127.0.0.1:4711'],
  });
  expect(runtime.refTimers).toBe(0);
});

test('leases are renewed every third of their duration, in one request for all services of the process', async () => {
  const { runtime, registry, advertiser } = fakeService();
  for (const name of ['/a', '/b', '/c']) {
    await advertiser.advertise({ ...orders, name });
    await runtime.advance(200);
  }
  await runtime.advance(60_000);
  const renewals = registry.requests.filter(({ path }) => path === '/v1/renew');
  const counts = renewals.map(({ payload }) => (payload as RenewRequest).renewals.length);
  expect(counts.slice(1).every((count) => count === 3)).toBe(true);
  expect(renewals.length).toBeGreaterThanOrEqual(16);
  expect(renewals.length).toBeLessThanOrEqual(21);
  for (const name of ['/a', '/b', '/c']) expect(registry.ids(name)).toHaveLength(1);
});

test('a thousand services are renewed in requests within the size limit of the server', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const names = Array.from({ length: 1_000 }, (_, i) => `/${'n'.repeat(60)}/s${i}`);
  await Promise.all(names.map((name) => advertiser.advertise({ ...orders, name })));
  registry.requests.length = 0;
  await runtime.advance(9_000);
  expect(registry.requests.length).toBeGreaterThan(8);
  for (const { payload } of registry.requests)
    expect(JSON.stringify(payload).length).toBeLessThanOrEqual(65_536);
  expect(names.every((name) => registry.ids(name).length === 1)).toBe(true);
});

test('the service notices a lost lease before the registry does, and registers again', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  const ad = await advertiser.advertise(orders);
  const events = recordEvents(ad);
  registry.isDown = true;
  await runtime.advance(8_999);
  expect([ad.state, events]).toEqual(['registered', []]);
  await runtime.advance(1);
  expect([ad.state, events]).toEqual(['lost', ['lost']]);
  expect(registry.ids('/shop/orders')).toHaveLength(1);
  await runtime.advance(60_000);
  expect(events).toEqual(['lost']);
  registry.isDown = false;
  await runtime.advance(5_000);
  expect([ad.state, events]).toEqual(['registered', ['lost', 'registered']]);
  const last = registry.requests.filter(({ path }) => path === '/v1/register').at(-1);
  expect(last?.payload).toMatchObject({ id: ad.id, epoch: 1 });
  expect(warnings.map((line) => line.replace(/:.*/, ''))).toEqual([
    '/shop/orders cannot renew its lease',
    `The lease of /shop/orders (${ad.id}) is lost`,
    `/shop/orders (${ad.id}) is registered again`,
  ]);
  // A shorter outage ends with a renewal.
  warnings.length = 0;
  registry.isDown = true;
  await runtime.advance(4_000);
  registry.isDown = false;
  await runtime.advance(30_000);
  expect(warnings).toEqual([
    expect.stringContaining('cannot renew its lease'),
    `/shop/orders (${ad.id}) renews its lease again`,
  ]);
});

test('after a long registry outage a service with a short lease is back within two renewal intervals', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise({ ...orders, leaseMs: 3_000 });
  for (let round = 0; round < 20; round += 1) {
    registry.isDown = true;
    await runtime.advance(60_000);
    expect(ad.state).toBe('lost');
    registry.isDown = false;
    await runtime.advance(1_000);
    expect(ad.state).toBe('registered');
  }
});

test('a renewal counts from when it was sent', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise({ ...orders, leaseMs: 6_000 });
  await runtime.advance(1_700);
  registry.hangs = true;
  const sentAt = runtime.now();
  await runtime.advance(900);
  registry.hangs = false;
  const renewedAt = registry.requests.find(({ path }) => path === '/v1/renew')!.at;
  expect(renewedAt).toBeGreaterThanOrEqual(sentAt);
  // That renewal got no response: the lease still counts from the registration.
  registry.isDown = true;
  await runtime.advance(5_400 - 1_700 - 900 - 1);
  expect(ad.state).toBe('registered');
  await runtime.advance(1);
  expect(ad.state).toBe('lost');
});

test('a registration counts from when it was sent', async () => {
  const { runtime, registry, advertiser } = fakeService();
  registry.responseDelayMs = 900;
  const registering = advertiser.advertise({ ...orders, leaseMs: 6_000 });
  await runtime.advance(900);
  const ad = await registering;
  registry.isDown = true;
  await runtime.advance(5_400 - 900 - 1);
  expect(ad.state).toBe('registered');
  await runtime.advance(1);
  expect(ad.state).toBe('lost');
});

test('a renewal with a late response counts from when it was sent', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise({ ...orders, leaseMs: 6_000 });
  registry.responseDelayMs = 900;
  await runtime.advance(3_200);
  registry.isDown = true;
  const renewals = registry.requests.filter(({ path }) => path === '/v1/renew');
  expect(renewals).toHaveLength(1);
  await runtime.advance(renewals[0]!.at + 5_400 - runtime.now() - 1);
  expect(ad.state).toBe('registered');
  await runtime.advance(1);
  expect(ad.state).toBe('lost');
});

test('setting the wall clock back does not extend a lease', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  registry.isDown = true;
  runtime.shiftWallClock(-3_600_000);
  await runtime.advance(8_999);
  expect(ad.state).toBe('registered');
  await runtime.advance(1);
  expect(ad.state).toBe('lost');
});

test('after the machine slept, a lease that may have ended counts as lost', async () => {
  const { runtime, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  runtime.shiftWallClock(9_500);
  expect(ad.state).toBe('lost');
  await runtime.advance(3_700);
  expect(ad.state).toBe('registered');
});

test('a registry that lost its data gets the service again within a renewal interval and 2 s', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  const events = recordEvents(ad);
  registry.restartEmpty();
  await runtime.advance(3_700 + 2_000);
  expect(registry.ids('/shop/orders')).toEqual([ad.id]);
  expect(events).toEqual(['lost', 'registered']);
});

test('a newer registration of the instance ends the advertisement', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise({ ...orders, id: 'me' });
  const events = recordEvents(ad);
  registry.put('/shop/orders', ['me'], { epoch: 9 });
  await runtime.advance(4_000);
  expect([ad.state, events]).toEqual(['fenced', ['fenced']]);
  const requestCount = registry.requests.length;
  await runtime.advance(60_000);
  await ad.drain();
  expect(registry.requests).toHaveLength(requestCount);
});

test('an instance whose epoch the registry has forgotten gets a new epoch', async () => {
  for (const id of [{}, { id: 'me' }]) {
    const { runtime, registry, advertiser } = fakeService();
    const ad = await advertiser.advertise({ ...orders, ...id });
    registry.restartEmpty();
    await runtime.advance(8_000);
    expect(ad.state).toBe('registered');
    expect(registry.ids('/shop/orders')).toEqual([ad.id]);
    const epochs = registry.requests
      .filter(({ path }) => path === paths.register)
      .map(({ payload }) => payload.epoch as unknown);
    expect(epochs).toEqual([undefined, 1, undefined]);
  }
});

test('a registration refused after a lost lease ends the advertisement', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise({ ...orders, id: 'me' });
  const events = recordEvents(ad);
  registry.restartEmpty();
  registry.registrationError = new ClerkError(
    'FORBIDDEN',
    'A newer registration of this instance took its place',
  );
  await runtime.advance(6_000);
  expect([ad.state, events]).toEqual(['fenced', ['lost', 'fenced']]);
});

test('an unreachable registry is retried with one warning; a refusal rejects', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  registry.isDown = true;
  const ad = advertiser.advertise(orders);
  await runtime.advance(30_000);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(
    /\/shop\/orders cannot be registered: .*No registry listens.*; the service retries$/,
  );
  // The process stays alive while it waits for the registry.
  expect(runtime.refTimers).toBeGreaterThan(0);
  registry.isDown = false;
  await runtime.advance(5_000);
  expect((await ad).state).toBe('registered');
  expect(warnings.slice(1)).toEqual([`/shop/orders (${(await ad).id}) is registered`]);

  registry.registrationError = new ClerkError('FORBIDDEN', 'Not you');
  await expect(advertiser.advertise({ ...orders, name: '/x' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(runtime.refTimers).toBe(0);
});

test('waiting for the registry can be aborted', async () => {
  const { runtime, registry, advertiser } = fakeService();
  registry.isDown = true;
  const controller = new AbortController();
  const ad = advertiser.advertise({ ...orders, signal: controller.signal });
  const refused = expect(ad).rejects.toMatchObject({ code: 'ABORTED' });
  await runtime.advance(1_000);
  controller.abort();
  await runtime.advance(5_000);
  await refused;
  expect(runtime.refTimers).toBe(0);
});

test('a registration that is aborted before its response arrives is withdrawn', async () => {
  const { runtime, registry, advertiser } = fakeService();
  registry.responseDelayMs = 500;
  const controller = new AbortController();
  const ad = advertiser.advertise({ ...orders, leaseMs: 3_600_000, signal: controller.signal });
  const refused = expect(ad).rejects.toMatchObject({ code: 'ABORTED' });
  await runtime.advance(100);
  expect(registry.ids('/shop/orders')).toHaveLength(1);
  controller.abort();
  await runtime.advance(1_500);
  await refused;
  expect(registry.ids('/shop/orders')).toEqual([]);
  expect(registry.requests.map(({ path }) => path)).toEqual(['/v1/register', '/v1/withdraw']);
  expect(runtime.refTimers).toBe(0);
});

test('an aborted registration whose response was lost is withdrawn', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  registry.lostResponses = 1;
  const controller = new AbortController();
  const ad = advertiser.advertise({ ...orders, leaseMs: 3_600_000, signal: controller.signal });
  const refused = expect(ad).rejects.toMatchObject({ code: 'ABORTED' });
  await runtime.advance(0);
  expect(registry.ids('/shop/orders')).toHaveLength(1);
  controller.abort();
  await runtime.advance(1_500);
  await refused;
  expect(registry.ids('/shop/orders')).toEqual([]);
  // The warning is that of the lost response.
  expect(warnings).toHaveLength(1);
});

test('an aborted registration at a registry that hangs rejects after 1,000 ms', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  registry.hangs = true;
  const controller = new AbortController();
  const ad = advertiser.advertise({ ...orders, signal: controller.signal });
  let isSettled = false;
  const refused = expect(ad)
    .rejects.toMatchObject({ code: 'ABORTED' })
    .then(() => (isSettled = true));
  await runtime.advance(500);
  controller.abort();
  await runtime.advance(1_001);
  expect(isSettled).toBe(true);
  await refused;
  await runtime.advance(10_000);
  expect(warnings.at(-1)).toMatch(/\/shop\/orders may stay registered until its lease expires/);
  expect(runtime.refTimers).toBe(0);
});

test('SIGTERM before the response to the registration withdraws, then ends the process', async () => {
  const { runtime, registry, advertiser, sendSignal, ended } = fakeService();
  registry.responseDelayMs = 500;
  const ad = advertiser.advertise({ ...orders, leaseMs: 3_600_000 });
  const refused = expect(ad).rejects.toMatchObject({ code: 'CLERK_CLOSED' });
  await runtime.advance(100);
  sendSignal('SIGTERM');
  await runtime.advance(7_000);
  await refused;
  expect(ended).toEqual(['SIGTERM']);
  expect(registry.requests.at(-1)?.path).toBe('/v1/withdraw');
  expect(registry.ids('/shop/orders')).toEqual([]);
});

test('SIGTERM while the registry is down ends the process at once', async () => {
  const { runtime, registry, advertiser, sendSignal, ended } = fakeService();
  registry.isDown = true;
  const ad = advertiser.advertise(orders);
  const refused = expect(ad).rejects.toMatchObject({ code: 'CLERK_CLOSED' });
  await runtime.advance(1_000);
  sendSignal('SIGTERM');
  await runtime.advance(1);
  expect(ended).toEqual(['SIGTERM']);
  await runtime.advance(6_000);
  await refused;
});

test('draining withdraws, waits for cached lookups to expire, then for requests in flight', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const server = Object.assign(new EventEmitter(), {
    listening: true,
    address: () => ({ address: '127.0.0.1', port: 3001 }),
  });
  const ad = await advertiser.advertise({ ...orders, address: server });
  const events = recordEvents(ad);
  const responses = [new EventEmitter(), new EventEmitter()];
  for (const response of responses) server.emit('request', { headers: {} }, response);
  const drained = ad.drain();
  await runtime.advance(0);
  expect(ad.state).toBe('draining');
  expect(registry.services.get('/shop/orders')?.get(ad.id)?.endpoint.state).toBe('draining');
  expect(runtime.refTimers).toBeGreaterThan(0);
  responses[0]!.emit('close');
  await runtime.advance(6_000);
  expect(events).toEqual([]);
  responses[1]!.emit('close');
  await drained;
  expect([ad.state, events]).toEqual(['closed', ['drained']]);
  expect(runtime.refTimers).toBe(0);
  const requestCount = registry.requests.length;
  await runtime.advance(60_000);
  expect(registry.requests).toHaveLength(requestCount);
});

test('draining ends after drainMs whatever is in flight and however the registry responds', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const server = Object.assign(new EventEmitter(), {
    listening: true,
    address: () => ({ address: '127.0.0.1', port: 3001 }),
  });
  const ad = await advertiser.advertise({ ...orders, address: server, drainMs: 7_000 });
  server.emit('request', { headers: {} }, new EventEmitter());
  registry.hangs = true;
  const drained = ad.drain();
  await runtime.advance(6_999);
  expect(ad.state).toBe('draining');
  await runtime.advance(1);
  await drained;
  expect(ad.state).toBe('closed');
});

test('close() withdraws the endpoint without a drain', async () => {
  const { registry, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  await ad.close();
  expect(registry.requests.at(-1)?.payload).toMatchObject({ id: ad.id, epoch: 1, now: true });
  expect([registry.ids('/shop/orders'), ad.state]).toEqual([[], 'closed']);
  await ad.drain();
});

test('SIGTERM drains all services, then ends the process by that signal', async () => {
  const { runtime, advertiser, sendSignal, ended } = fakeService();
  const ads = [
    await advertiser.advertise(orders),
    await advertiser.advertise({ ...orders, name: '/b' }),
    await advertiser.advertise({ ...orders, name: '/c', drainOnSignal: false }),
  ];
  expect(sendSignal('SIGTERM')).toBe(true);
  await runtime.advance(1_000);
  expect(ads.map(({ state }) => state)).toEqual(['draining', 'draining', 'registered']);
  expect(ended).toEqual([]);
  await runtime.advance(5_000);
  expect(ads.map(({ state }) => state)).toEqual(['closed', 'closed', 'registered']);
  expect(ended).toEqual(['SIGTERM']);
  expect(sendSignal('SIGTERM')).toBe(false);
});

test('exitAfterDrain exits the process once it is drained', async () => {
  const { runtime, advertiser, sendSignal, ended } = fakeService();
  await advertiser.advertise({ ...orders, exitAfterDrain: true });
  sendSignal('SIGTERM');
  await runtime.advance(6_000);
  expect(ended).toEqual(['exit 0']);
});

test('SIGINT drains too, and a second signal ends the process at once', async () => {
  const { runtime, advertiser, sendSignal, ended } = fakeService();
  const ad = await advertiser.advertise(orders);
  sendSignal('SIGINT');
  await runtime.advance(1_000);
  expect([ad.state, ended]).toEqual(['draining', []]);
  sendSignal('SIGTERM');
  expect(ended).toEqual(['SIGTERM']);
});

test('SIGTERM is not handled once all services are closed', async () => {
  const { advertiser, sendSignal } = fakeService();
  const ad = await advertiser.advertise(orders);
  await ad.close();
  expect(sendSignal('SIGTERM')).toBe(false);
});

test('the registry is the given one, else that of the environment, else that of this host', async () => {
  const { advertiser, connected, env } = fakeService();
  await advertiser.advertise({ ...orders, registry: ['http://a', 'http://b'] });
  await advertiser.advertise(orders);
  env.CLERK_REGISTRY = 'http://c, http://d';
  await advertiser.advertise(orders);
  await advertiser.advertise({ ...orders, name: '/again' });
  expect(connected.toSorted()).toEqual([
    'http://127.0.0.1:4711',
    ...['http://a', 'http://b', 'http://c', 'http://d'],
  ]);
});

test('a launched service takes its name, registry, instance and ticket from the launcher', async () => {
  const world = fakeService();
  world.env.CLERK_LAUNCHED = '1';
  world.handshakeLine = line();
  world.registry.proof = launchProof(systemHashing, 'k', '/shop/orders', 7);
  const ad = await world.advertiser.advertise({ address: orders.address });
  expect(world.connected).toEqual(['http://launcher:4711']);
  expect(world.registry.requests[0]?.payload).toMatchObject({
    name: '/shop/orders',
    id: 'launched-1',
    epoch: 7,
    ticket: 'abc',
  });
  expect(ad).toMatchObject({ name: '/shop/orders', id: 'launched-1', epoch: 7 });

  // Later advertisements are independent of the launcher.
  const more = await world.advertiser.advertise({ name: '/more', address: orders.address });
  const same = await world.advertiser.advertise(orders);
  expect([more.id, same.id]).not.toContain('launched-1');
  expect(world.registry.requests.at(-1)?.payload).not.toHaveProperty('ticket');
  await world.runtime.advance(60_000);
  expect(world.registry.ids('/shop/orders')).toEqual(['launched-1', same.id]);
});

test('a name other than the launched one is rejected before any request', async () => {
  const world = fakeService();
  world.env.CLERK_LAUNCHED = '1';
  world.handshakeLine = line();
  await expect(world.advertiser.advertise({ ...orders, name: '/shop/stock' })).rejects.toMatchObject({
    code: 'NAME_MISMATCH',
    message: expect.stringMatching(
      /first service that this process advertises must be \/shop\/orders; got \/shop\/stock/,
    ) as string,
  });
  expect(world.registry.requests).toEqual([]);
});

test.each([
  ['nothing', undefined],
  ['a wrong proof', 'f'.repeat(64)],
  ['the proof of another epoch', launchProof(systemHashing, 'k', '/shop/orders', 6)],
])('a registry with %s is not accepted as the one that launched the service', async (_what, proof) => {
  const world = fakeService();
  world.env.CLERK_LAUNCHED = '1';
  world.handshakeLine = line();
  world.registry.proof = proof;
  await expect(world.advertiser.advertise(orders)).rejects.toMatchObject({ code: 'TICKET_REFUSED' });
  expect(world.runtime.refTimers).toBe(0);
});

test('a launched service whose first response was lost registers again without its ticket', async () => {
  const world = fakeService();
  world.env.CLERK_LAUNCHED = '1';
  world.handshakeLine = line();
  world.registry.lostResponses = 1;
  const ad = world.advertiser.advertise(orders);
  await world.runtime.advance(0);
  world.registry.registrationError = new ClerkError('TICKET_REFUSED', 'That ticket was used');
  await world.runtime.advance(500);
  world.registry.registrationError = undefined;
  await world.runtime.advance(1_500);
  expect(await ad).toMatchObject({ id: 'launched-1', epoch: 8, state: 'registered' });
  expect(world.registry.requests.map(({ payload }) => (payload as { ticket?: string }).ticket)).toEqual([
    'abc',
    'abc',
    undefined,
  ]);
});

test.each([
  ['', 'not valid JSON'],
  ['{"v":2}', "its field 'v', the version, must be 1; got 2"],
  [line({ name: 'orders' }), "its field 'name' must be the name of a service"],
  [line({ registry: 'http://a' }), "its field 'registry' must be a list of registry addresses"],
  [line({ ticket: '' }), "its field 'ticket' must be a text that is not empty"],
  [line({ epoch: 1.5 }), "its field 'epoch' must be an integer"],
])('an invalid launch handshake is rejected and not quoted', async (text, why) => {
  const world = fakeService();
  world.env.CLERK_LAUNCHED = '1';
  world.handshakeLine = text;
  const error = (await world.advertiser.advertise(orders).catch((thrown: unknown) => thrown)) as ClerkError;
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.message).toContain(why);
  expect(error.message).not.toContain('abc');
});

test.each([
  [{ ...orders, name: 'orders' }, 'NAME_INVALID'],
  [{ ...orders, adress: 'x' }, 'CONFIG_INVALID'],
  [{ name: '/x' }, 'CONFIG_INVALID'],
  [{ address: orders.address }, 'CONFIG_INVALID'],
  [{ ...orders, address: [] }, 'CONFIG_INVALID'],
  [{ ...orders, address: () => 'x' }, 'CONFIG_INVALID'],
  [{ ...orders, address: [() => 'x'] }, 'CONFIG_INVALID'],
  [{ ...orders, address: 'http://x/path' }, 'CONFIG_INVALID'],
  [{ ...orders, leaseMs: 999 }, 'CONFIG_INVALID'],
  [{ ...orders, leaseMs: 604_800_001 }, 'CONFIG_INVALID'],
  [{ ...orders, weight: -1 }, 'CONFIG_INVALID'],
  [{ ...orders, id: 'a b' }, 'CONFIG_INVALID'],
  [{ ...orders, attributes: { a: 1 } }, 'CONFIG_INVALID'],
  [{ ...orders, registry: '' }, 'CONFIG_INVALID'],
  [{ ...orders, registry: 'etcd://a:2379' }, 'CONFIG_INVALID'],
  [{ ...orders, registry: ['http://a:1', 'b:1'] }, 'CONFIG_INVALID'],
  [undefined, 'CONFIG_INVALID'],
])('invalid options are rejected before any request (%#)', async (options, code) => {
  const { registry, advertiser } = fakeService();
  await expect(advertiser.advertise(options as never)).rejects.toMatchObject({ code });
  expect(registry.requests).toEqual([]);
});

test('a listener that throws or rejects has no effect, and an unknown event is an error', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  const ad = await advertiser.advertise(orders);
  ad.on('lost', () => {
    throw new Error('Oops');
  });
  // eslint-disable-next-line @typescript-eslint/no-misused-promises -- programs do this
  ad.on('lost', () => Promise.reject(new Error('Too late')));
  registry.restartEmpty();
  await runtime.advance(6_000);
  expect(ad.state).toBe('registered');
  for (const error of ['Oops', 'Too late'])
    expect(warnings).toContain(
      `A listener for the event 'lost' of an advertisement threw an error: ${error}; the error is ignored`,
    );
  expect(() => ad.on('gone' as 'lost', () => {})).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  );
});

test('the services of one process register again one after the other', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const names = Array.from({ length: 100 }, (_, i) => `/s${i}`);
  await Promise.all(names.map((name) => advertiser.advertise({ ...orders, name })));
  registry.requests.length = 0;
  registry.restartEmpty();
  await runtime.advance(6_000);
  const perTenth = new Map<number, number>();
  for (const { at, path } of registry.requests)
    if (path === '/v1/register')
      perTenth.set(Math.floor(at / 100), (perTenth.get(Math.floor(at / 100)) ?? 0) + 1);
  expect(names.every((name) => registry.ids(name).length === 1)).toBe(true);
  expect(Math.max(...perTenth.values())).toBeLessThanOrEqual(25);
});

test('a thousand services of a registry that lost its data do not register within the same second', async () => {
  const runtime = createFakeRuntime({ seed: 3 });
  const processes = Array.from({ length: 1_000 }, () => fakeService(runtime));
  await Promise.all(processes.map(({ advertiser }) => advertiser.advertise(orders)));
  await runtime.advance(30_000);
  for (const { registry } of processes) {
    registry.requests.length = 0;
    registry.restartEmpty();
  }
  const from = runtime.now();
  await runtime.advance(10_000);
  const perSecond = new Map<number, number>();
  for (const { registry } of processes)
    for (const { at } of registry.requests) {
      const second = Math.floor((at - from) / 1_000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
  // A thousand renewals every 3.3 s are 300 per second.
  expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(900);
  expect(processes.every(({ registry }) => registry.ids('/shop/orders').length === 1)).toBe(true);
});

const source = { hostAddresses: () => ['10.0.0.7', 'fd00::7'], statedHost: undefined };

test('a server bound to all addresses is advertised at each address of the host, loopback last', () => {
  const at = (address: string, statedHost?: string) =>
    addressesOf(
      Object.assign(new EventEmitter(), { listening: true, address: () => ({ address, port: 80 }) }),
      { ...source, statedHost },
    );
  const enumerated = (...addresses: string[]) => ({ addresses, enumeratedAddresses: addresses });
  expect(at('0.0.0.0')).toEqual(enumerated('http://10.0.0.7:80', 'http://127.0.0.1:80'));
  expect(at('::')).toEqual(enumerated('http://10.0.0.7:80', 'http://[fd00::7]:80', 'http://[::1]:80'));
  const stated = (address: string) => ({ addresses: [address], enumeratedAddresses: [] });
  expect(at('127.0.0.1')).toEqual(stated('http://127.0.0.1:80'));
  expect(at('::1')).toEqual(stated('http://[::1]:80'));
  expect(at('0.0.0.0', 'gateway.example')).toEqual(stated('http://gateway.example:80'));
  expect(at('::', 'fd00::9')).toEqual(stated('http://[fd00::9]:80'));
});

test('the scheme of a Node server follows from its type, once it listens', async () => {
  const made = [createServer(), createH2Server(), createTlsServer(), createSecureServer()];
  for (const [i, server] of made.entries()) {
    const listening = untilListening(server, undefined);
    server.listen(0, '127.0.0.1');
    await listening;
    const [address] = addressesOf(server, source).addresses;
    expect(address).toMatch(i < 2 ? /^http:\/\/127\.0\.0\.1:\d+$/ : /^https:\/\/127\.0\.0\.1:\d+$/);
    server.close();
  }
});

test('a server that cannot listen is an error', async () => {
  const server = createServer().listen(1, '203.0.113.1');
  await expect(untilListening(server, undefined)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('a suspect service claims to be healthy within about a second, and is notified when it is cleared', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ads = [];
  for (const name of ['/a', '/b']) ads.push(await advertiser.advertise({ ...orders, name }));
  const events = ads.map(recordEvents);
  await runtime.advance(8_000);
  registry.suspectServices.add('/b');
  const renewals = () => registry.requests.filter(({ path }) => path === '/v1/renew');
  const objections = () =>
    renewals().flatMap(({ at, payload }) =>
      (payload as RenewRequest).renewals
        .filter(({ claimsHealthy }) => claimsHealthy === true)
        .map(({ name }) => ({ at, name })),
    );
  await runtime.advance(3_700);
  expect(events).toEqual([[], ['suspected']]);
  const notifiedAt = renewals().filter(({ at }) => at > 8_000)[0]!.at;
  await runtime.advance(1_200);
  expect(objections()[0]).toMatchObject({ name: '/b' });
  expect(objections()[0]!.at - notifiedAt).toBeLessThanOrEqual(1_200);
  // It repeats the claim at the usual interval; the program gets one event.
  const before = renewals().length;
  await runtime.advance(33_000);
  expect(renewals().length - before).toBeLessThanOrEqual(24);
  expect(events).toEqual([[], ['suspected']]);
  expect(new Set(objections().map(({ name }) => name))).toEqual(new Set(['/b']));
  registry.suspectServices.clear();
  await runtime.advance(3_700);
  expect(events).toEqual([[], ['suspected', 'cleared']]);
  const last = objections().length;
  await runtime.advance(10_000);
  expect(objections().length).toBeLessThanOrEqual(last + 1);
  expect(ads[1]!.state).toBe('registered');
});

test('an invalid list of suspects is ignored', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  const events = recordEvents(ad);
  for (const suspects of [7, 'all', [null], { length: 1 }, [1], ['0']]) {
    registry.suspectsOverride = suspects;
    await runtime.advance(4_000);
  }
  expect(events).toEqual([]);
  expect(ad.state).toBe('registered');
});
