/** A listener on all interfaces gets other addresses: after a DHCP lease, a move to another network, a late interface. */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { ServerLike } from '../../src/service/server-addresses.js';
import type { RegisterRequest } from '../../src/protocol/registration-messages.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { fakeService } from './fake-service.js';

function listener(address: string): ServerLike {
  return Object.assign(new EventEmitter(), { listening: true, address: () => ({ address, port: 80 }) });
}

function start() {
  const runtime = createFakeRuntime({ seed: 7, hostId: 'boot-1/7', hostAddresses: ['10.0.0.7'] });
  const service = fakeService(runtime);
  const registrations = (): readonly RegisterRequest[] =>
    service.registry.requests
      .filter(({ path }) => path === '/v1/register')
      .map(({ payload }) => payload as RegisterRequest);
  return { ...service, runtime, registrations };
}

test('the registry gets changed addresses with the next renewal, under the same id and epoch, and the change is logged', async () => {
  const { runtime, advertiser, registrations, warnings } = start();
  const ad = await advertiser.advertise({ name: '/s', address: listener('0.0.0.0') });
  await runtime.advance(20_000);
  expect(registrations()).toHaveLength(1);
  expect(registrations()[0]).toMatchObject({
    addresses: ['http://10.0.0.7:80', 'http://127.0.0.1:80'],
    enumeratedAddresses: ['http://10.0.0.7:80', 'http://127.0.0.1:80'],
    host: 'fake-host',
    hostId: 'boot-1/7',
  });
  runtime.setHostAddresses(['192.168.1.9', '10.0.0.7']);
  await runtime.advance(4_000);
  const addresses = ['http://192.168.1.9:80', 'http://10.0.0.7:80', 'http://127.0.0.1:80'];
  expect(registrations().slice(1)).toMatchObject([
    { id: ad.id, epoch: ad.epoch, addresses, enumeratedAddresses: addresses },
  ]);
  expect(ad.addresses).toEqual(addresses);
  expect(warnings).toEqual([
    `The addresses of /s (${ad.id}) have changed from http://10.0.0.7:80, http://127.0.0.1:80 to ${addresses.join(', ')}`,
  ]);
  await runtime.advance(60_000);
  expect(registrations()).toHaveLength(2);
});

test('a change that the registry did not take is sent again', async () => {
  const { runtime, advertiser, registry, registrations } = start();
  await advertiser.advertise({ name: '/s', address: listener('0.0.0.0'), leaseMs: 30_000 });
  runtime.setHostAddresses(['192.168.1.9']);
  registry.isDown = true;
  await runtime.advance(12_000);
  registry.isDown = false;
  await runtime.advance(20_000);
  expect(registrations().at(-1)?.addresses[0]).toBe('http://192.168.1.9:80');
});

test('a registration after a lost lease has the addresses of that time', async () => {
  const { runtime, advertiser, registry, registrations } = start();
  await advertiser.advertise({ name: '/s', address: listener('0.0.0.0') });
  registry.restartEmpty();
  runtime.setHostAddresses(['192.168.1.9']);
  await runtime.advance(10_000);
  expect(registrations().at(-1)?.addresses[0]).toBe('http://192.168.1.9:80');
});

test('a stated host and a listener on one address do not change', async () => {
  const { runtime, advertiser, env, registrations } = start();
  await advertiser.advertise({ name: '/a', address: listener('0.0.0.0'), host: 'orders.example' });
  await advertiser.advertise({ name: '/b', address: listener('10.0.0.7') });
  env.CLERK_ADVERTISE_HOST = 'fd00::9';
  await advertiser.advertise({ name: '/c', address: listener('0.0.0.0') });
  runtime.setHostAddresses(['192.168.1.9']);
  await runtime.advance(20_000);
  expect(registrations().map(({ addresses }) => addresses)).toEqual([
    ['http://orders.example:80'],
    ['http://10.0.0.7:80'],
    ['http://[fd00::9]:80'],
  ]);
  for (const { enumeratedAddresses } of registrations()) expect(enumeratedAddresses).toBeUndefined();
});

test.each(['0.0.0.0', '::', 'host:80', 'http://host'])('a service cannot state the host %s', async (host) => {
  const { advertiser, env } = start();
  const refused = { code: 'CONFIG_INVALID' };
  const address = listener('0.0.0.0');
  await expect(advertiser.advertise({ name: '/s', address, host })).rejects.toMatchObject(refused);
  env.CLERK_ADVERTISE_HOST = host;
  await expect(advertiser.advertise({ name: '/s', address })).rejects.toMatchObject(refused);
});
