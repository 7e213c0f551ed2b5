import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer, createServer as createH2Server } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import { expect, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';
import { addressesOf } from '../../src/service/server-addresses.js';
import type { RenewRequest } from '../../src/protocol/messages.js';
import { launchProof } from '../../src/protocol/launch-proof.js';
import { systemHashing } from '../../src/runtime/hashing.js';
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

test('a service is registered with all that is known of it, and keeps no process alive', async () => {
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

test('leases are renewed every third of them, in one message for all services of the process', async () => {
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

test('a thousand services are renewed in messages that a server takes', async () => {
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

test('the holder knows that its lease is lost before the registry does, and comes back', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  const ad = await advertiser.advertise(orders);
  const words = recordEvents(ad);
  registry.isDown = true;
  await runtime.advance(8_999);
  expect([ad.state, words]).toEqual(['registered', []]);
  await runtime.advance(1);
  expect([ad.state, words]).toEqual(['lost', ['lost']]);
  expect(registry.ids('/shop/orders')).toHaveLength(1);
  await runtime.advance(60_000);
  expect(words).toEqual(['lost']);
  registry.isDown = false;
  await runtime.advance(5_000);
  expect([ad.state, words]).toEqual(['registered', ['lost', 'registered']]);
  const last = registry.requests.filter(({ path }) => path === '/v1/register').at(-1);
  expect(last?.payload).toMatchObject({ id: ad.id, epoch: 1 });
  // One word for the silence, one for the loss.
  expect(warnings).toHaveLength(2);
});

test('after a long absence of its registry a service with a short lease is back within the time of two renewals', async () => {
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
  // The one that hung was never answered: the lease still counts from the registration.
  registry.isDown = true;
  await runtime.advance(5_400 - 1_700 - 900 - 1);
  expect(ad.state).toBe('registered');
  await runtime.advance(1);
  expect(ad.state).toBe('lost');
});

test('a registration counts from when it was sent too', async () => {
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

test('a renewal that is answered late counts from when it was sent', async () => {
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

test('a wall clock that is set back lengthens no lease', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  registry.isDown = true;
  runtime.shiftWallClock(-3_600_000);
  await runtime.advance(8_999);
  expect(ad.state).toBe('registered');
  await runtime.advance(1);
  expect(ad.state).toBe('lost');
});

test('a machine that slept does not believe in a lease that may be over', async () => {
  const { runtime, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  runtime.shiftWallClock(9_500);
  expect(ad.state).toBe('lost');
  await runtime.advance(3_700);
  expect(ad.state).toBe('registered');
});

test('a registry that has lost its memory gets the service again within a renewal and a little', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  const words = recordEvents(ad);
  registry.restartEmpty();
  await runtime.advance(3_700 + 2_000);
  expect(registry.ids('/shop/orders')).toEqual([ad.id]);
  expect(words).toEqual(['lost', 'registered']);
});

test('somebody newer in its place ends it for good', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise({ ...orders, id: 'me' });
  const words = recordEvents(ad);
  registry.put('/shop/orders', ['me'], { epoch: 9 });
  await runtime.advance(4_000);
  expect([ad.state, words]).toEqual(['fenced', ['fenced']]);
  const asked = registry.requests.length;
  await runtime.advance(60_000);
  await ad.drain();
  expect(registry.requests).toHaveLength(asked);
});

test('an instance that was away for so long that its number was forgotten gets a new one', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  registry.restartEmpty();
  const gone = new ClerkError('FORBIDDEN', 'The epoch is too old to be known; register without one');
  Object.defineProperty(registry, 'refuses', {
    get: () => (registry.requests.at(-1)?.payload.epoch === undefined ? undefined : gone),
  });
  await runtime.advance(8_000);
  expect(ad.state).toBe('registered');
  expect(registry.ids('/shop/orders')).toEqual([ad.id]);
});

test('a loss whose return is refused ends it too', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise({ ...orders, id: 'me' });
  const words = recordEvents(ad);
  registry.restartEmpty();
  registry.registrationError = new ClerkError(
    'FORBIDDEN',
    'A newer registration of this instance took its place',
  );
  await runtime.advance(6_000);
  expect([ad.state, words]).toEqual(['fenced', ['lost', 'fenced']]);
});

test('a registry that is away is waited for, and that is said; one that refuses is an error', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  registry.isDown = true;
  const ad = advertiser.advertise(orders);
  await runtime.advance(30_000);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/\/shop\/orders cannot be registered for now.*No registry listens/);
  // A process that waits for it is not done.
  expect(runtime.refTimers).toBeGreaterThan(0);
  registry.isDown = false;
  await runtime.advance(5_000);
  expect((await ad).state).toBe('registered');

  registry.registrationError = new ClerkError('FORBIDDEN', 'Not you');
  await expect(advertiser.advertise({ ...orders, name: '/x' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(runtime.refTimers).toBe(0);
});

test('waiting for the registry can be given up', async () => {
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

test('draining: nobody new, then the time of those who do not know yet, then those in flight', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const server = Object.assign(new EventEmitter(), {
    listening: true,
    address: () => ({ address: '127.0.0.1', port: 3001 }),
  });
  const ad = await advertiser.advertise({ ...orders, address: server });
  const words = recordEvents(ad);
  const responses = [new EventEmitter(), new EventEmitter()];
  for (const response of responses) server.emit('request', { headers: {} }, response);
  const drained = ad.drain();
  await runtime.advance(0);
  expect(ad.state).toBe('draining');
  expect(registry.services.get('/shop/orders')?.get(ad.id)?.endpoint.state).toBe('draining');
  expect(runtime.refTimers).toBeGreaterThan(0);
  responses[0]!.emit('close');
  await runtime.advance(6_000);
  expect(words).toEqual([]);
  responses[1]!.emit('close');
  await drained;
  expect([ad.state, words]).toEqual(['closed', ['drained']]);
  expect(runtime.refTimers).toBe(0);
  const asked = registry.requests.length;
  await runtime.advance(60_000);
  expect(registry.requests).toHaveLength(asked);
});

test('draining ends in time, whatever is still in flight and wherever the registry is', async () => {
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

test('closing withdraws it at once', async () => {
  const { registry, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  await ad.close();
  expect(registry.requests.at(-1)?.payload).toMatchObject({ id: ad.id, epoch: 1, now: true });
  expect([registry.ids('/shop/orders'), ad.state]).toEqual([[], 'closed']);
  await ad.drain();
});

test('SIGTERM drains all services, and then ends the process as it would have', async () => {
  const { runtime, advertiser, sendSigterm, ended } = fakeService();
  const ads = [
    await advertiser.advertise(orders),
    await advertiser.advertise({ ...orders, name: '/b' }),
    await advertiser.advertise({ ...orders, name: '/c', drainOnSignal: false }),
  ];
  expect(sendSigterm()).toBe(true);
  await runtime.advance(1_000);
  expect(ads.map(({ state }) => state)).toEqual(['draining', 'draining', 'registered']);
  expect(ended).toEqual([]);
  await runtime.advance(5_000);
  expect(ads.map(({ state }) => state)).toEqual(['closed', 'closed', 'registered']);
  expect(ended).toEqual(['SIGTERM']);
  expect(sendSigterm()).toBe(false);
});

test('a process may be told to exit once it is drained', async () => {
  const { runtime, advertiser, sendSigterm, ended } = fakeService();
  await advertiser.advertise({ ...orders, exitAfterDrain: true });
  sendSigterm();
  await runtime.advance(6_000);
  expect(ended).toEqual(['exit 0']);
});

test('SIGTERM is nobody of ours to wait for once all services were closed', async () => {
  const { advertiser, sendSigterm } = fakeService();
  const ad = await advertiser.advertise(orders);
  await ad.close();
  expect(sendSigterm()).toBe(false);
});

test('the registry is the given one, else the one in the environment, else the one on this host', async () => {
  const { advertiser, connected, env } = fakeService();
  await advertiser.advertise({ ...orders, registry: ['http://a', 'http://b'] });
  await advertiser.advertise(orders);
  env.CLERK_REGISTRY = 'http://c, http://d';
  await advertiser.advertise(orders);
  await advertiser.advertise({ ...orders, name: '/again' });
  expect(connected).toEqual(['http://a', 'http://b', 'http://127.0.0.1:4711', 'http://c', 'http://d']);
});

test('a launched service takes its name, registry, instance and ticket from its launcher', async () => {
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

  // What comes after is as free as in any other process.
  const more = await world.advertiser.advertise({ name: '/more', address: orders.address });
  const same = await world.advertiser.advertise(orders);
  expect([more.id, same.id]).not.toContain('launched-1');
  expect(world.registry.requests.at(-1)?.payload).not.toHaveProperty('ticket');
  await world.runtime.advance(60_000);
  expect(world.registry.ids('/shop/orders')).toEqual(['launched-1', same.id]);
});

test('another name than the launched one is refused before anything is asked', async () => {
  const world = fakeService();
  world.env.CLERK_LAUNCHED = '1';
  world.handshakeLine = line();
  await expect(world.advertiser.advertise({ ...orders, name: '/shop/stock' })).rejects.toMatchObject({
    code: 'NAME_MISMATCH',
    message: expect.stringMatching(/launched as \/shop\/orders and advertises \/shop\/stock/) as string,
  });
  expect(world.registry.requests).toEqual([]);
});

test.each([
  ['nothing', undefined],
  ['a wrong word', 'f'.repeat(64)],
  ['what another epoch would be proved with', launchProof(systemHashing, 'k', '/shop/orders', 6)],
])('a registry that proves itself with %s is not the one that launched it', async (_what, proof) => {
  const world = fakeService();
  world.env.CLERK_LAUNCHED = '1';
  world.handshakeLine = line();
  world.registry.proof = proof;
  await expect(world.advertiser.advertise(orders)).rejects.toMatchObject({ code: 'TICKET_REFUSED' });
  expect(world.runtime.refTimers).toBe(0);
});

test('a ticket whose answer was lost is used up: the number that came with it is not', async () => {
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
  expect(await ad).toMatchObject({ id: 'launched-1', epoch: 7, state: 'registered' });
  expect(world.registry.requests.map(({ payload }) => (payload as { ticket?: string }).ticket)).toEqual([
    'abc',
    'abc',
    undefined,
  ]);
});

test.each([
  ['', 'no JSON'],
  ['{"v":2}', 'its version is number'],
  [line({ name: 'orders' }), 'it has no name'],
  [line({ registry: 'http://a' }), 'no list of registry addresses'],
  [line({ ticket: '' }), 'no ticket'],
  [line({ epoch: 1.5 }), 'no epoch'],
])('a line that no launcher writes is refused, and not quoted', async (text, why) => {
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
  [{ ...orders, address: 'http://x/path' }, 'CONFIG_INVALID'],
  [{ ...orders, leaseMs: 999 }, 'CONFIG_INVALID'],
  [{ ...orders, leaseMs: 604_800_001 }, 'CONFIG_INVALID'],
  [{ ...orders, weight: -1 }, 'CONFIG_INVALID'],
  [{ ...orders, id: 'a b' }, 'CONFIG_INVALID'],
  [{ ...orders, attributes: { a: 1 } }, 'CONFIG_INVALID'],
  [{ ...orders, registry: '' }, 'CONFIG_INVALID'],
  [undefined, 'CONFIG_INVALID'],
])('what cannot work is refused at once (%#)', async (options, code) => {
  const { registry, advertiser } = fakeService();
  await expect(advertiser.advertise(options as never)).rejects.toMatchObject({ code });
  expect(registry.requests).toEqual([]);
});

test('a listener that throws changes nothing, and an event that there is not is an error', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  const ad = await advertiser.advertise(orders);
  ad.on('lost', () => {
    throw new Error('Oops');
  });
  registry.restartEmpty();
  await runtime.advance(6_000);
  expect(ad.state).toBe('registered');
  expect(warnings).toContain("A listener for 'lost' of an advertisement threw: Oops");
  expect(() => ad.on('gone' as 'lost', () => {})).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  );
});

test('the services of one process come back one after the other', async () => {
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

test('a thousand services whose registry lost its memory do not return in one second', async () => {
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
  // A thousand renewals every 3.3 s are 300 a second.
  expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(900);
  expect(processes.every(({ registry }) => registry.ids('/shop/orders').length === 1)).toBe(true);
});

const hosts = () => ['10.0.0.7', 'fd00::7'];
const nobody = undefined;

test('a server that listens everywhere is found on all addresses of the host, this host last', async () => {
  const at = (address: string) =>
    addressesOf(
      Object.assign(new EventEmitter(), { listening: true, address: () => ({ address, port: 80 }) }),
      hosts,
      nobody,
    );
  expect(await at('0.0.0.0')).toEqual(['http://10.0.0.7:80', 'http://127.0.0.1:80']);
  expect(await at('::')).toEqual(['http://10.0.0.7:80', 'http://[fd00::7]:80', 'http://[::1]:80']);
  expect(await at('127.0.0.1')).toEqual(['http://127.0.0.1:80']);
  expect(await at('::1')).toEqual(['http://[::1]:80']);
});

test('servers of Node say themselves how they are spoken to, once they listen', async () => {
  const made = [createServer(), createH2Server(), createTlsServer(), createSecureServer()];
  for (const [i, server] of made.entries()) {
    const asked = addressesOf(server, hosts, nobody);
    server.listen(0, '127.0.0.1');
    const [address] = await asked;
    expect(address).toMatch(i < 2 ? /^http:\/\/127\.0\.0\.1:\d+$/ : /^https:\/\/127\.0\.0\.1:\d+$/);
    server.close();
  }
});

test('a server that cannot listen is an error', async () => {
  const server = createServer().listen(1, '203.0.113.1');
  await expect(addressesOf(server, hosts, nobody)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('a service is told that it is suspect, objects within a second or so, and hears when that is over', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ads = [];
  for (const name of ['/a', '/b']) ads.push(await advertiser.advertise({ ...orders, name }));
  const words = ads.map(recordEvents);
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
  expect(words).toEqual([[], ['suspected']]);
  const toldAt = renewals().filter(({ at }) => at > 8_000)[0]!.at;
  await runtime.advance(1_200);
  expect(objections()[0]).toMatchObject({ name: '/b' });
  expect(objections()[0]!.at - toldAt).toBeLessThanOrEqual(1_200);
  // It goes on saying so at the usual pace, and says it once to its program.
  const before = renewals().length;
  await runtime.advance(33_000);
  expect(renewals().length - before).toBeLessThanOrEqual(24);
  expect(words).toEqual([[], ['suspected']]);
  expect(new Set(objections().map(({ name }) => name))).toEqual(new Set(['/b']));
  registry.suspectServices.clear();
  await runtime.advance(3_700);
  expect(words).toEqual([[], ['suspected', 'cleared']]);
  const last = objections().length;
  await runtime.advance(10_000);
  expect(objections().length).toBeLessThanOrEqual(last + 1);
  expect(ads[1]!.state).toBe('registered');
});

test('what a registry says of suspects that makes no sense is passed over', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise(orders);
  const words = recordEvents(ad);
  for (const suspects of [7, 'all', [null], { length: 1 }, [1], ['0']]) {
    registry.suspectsOverride = suspects;
    await runtime.advance(4_000);
  }
  expect(words).toEqual([]);
  expect(ad.state).toBe('registered');
});
