import { expect, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';
import { paths } from '../../src/protocol/paths.js';
import { fakeService, recordEvents } from './fake-service.js';

const orders = { name: '/shop/orders', address: 'http://10.0.0.7:3001' };
const held = (remainingMs = 8_000) =>
  new ClerkError(
    'FORBIDDEN',
    "Instance 'me' of /shop/orders is in use by the process at http://10.0.0.1:3001",
    {
      remainingMs,
    },
  );

test('a service whose id another process holds says so, and registers when that process is gone', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  registry.registrationError = held();
  const ad = advertiser.advertise({ ...orders, id: 'me' });
  await runtime.advance(5_000);
  expect(warnings).toEqual([
    "/shop/orders cannot be registered: Instance 'me' of /shop/orders is in use by the process at http://10.0.0.1:3001; the service retries",
  ]);
  registry.registrationError = undefined;
  await runtime.advance(1_000);
  expect(await ad).toMatchObject({ id: 'me', state: 'registered' });
});

test('a service whose id belongs to a live process is rejected with the reason, and the registry is unchanged', async () => {
  const { runtime, registry, advertiser } = fakeService();
  registry.registrationError = held();
  const ad = advertiser.advertise({ ...orders, id: 'me' });
  const settled = ad.then(String, (error: unknown) => error);
  await runtime.advance(9_000);
  expect(await Promise.race([settled, Promise.resolve('waits')])).toBe('waits');
  await runtime.advance(3_000);
  expect(await settled).toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('10.0.0.1:3001'),
  });
  expect(registry.requests.map(({ path }) => path)).not.toContain(paths.withdraw);
});

test('a wait for the holder begins again when the registry has restarted', async () => {
  const { runtime, registry, advertiser } = fakeService();
  registry.registrationError = held();
  const ad = advertiser.advertise({ ...orders, id: 'me' });
  await runtime.advance(7_000);
  registry.isDown = true;
  await runtime.advance(1_000);
  registry.isDown = false;
  await runtime.advance(7_000);
  registry.registrationError = undefined;
  await runtime.advance(2_000);
  expect(await ad).toMatchObject({ state: 'registered' });
});

test('a process that holds a generated id is outlasted, because no other process has the id', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  const ad = await advertiser.advertise(orders);
  registry.restartEmpty();
  registry.registrationError = held();
  await runtime.advance(120_000);
  expect(ad.state).toBe('lost');
  registry.registrationError = undefined;
  await runtime.advance(1_000);
  expect(ad.state).toBe('registered');
  expect(warnings.filter((line) => line.includes('the service retries'))).toHaveLength(1);
});

test('a service that was lost ends when another process with its id lives', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ad = await advertiser.advertise({ ...orders, id: 'me' });
  const events = recordEvents(ad);
  const reasons: string[] = [];
  ad.on('fenced', ({ reason }) => reasons.push(reason));
  registry.restartEmpty();
  registry.registrationError = held();
  await runtime.advance(20_000);
  expect(events).toEqual(['lost', 'fenced']);
  expect(reasons).toEqual([expect.stringContaining('is in use by the process at http://10.0.0.1:3001')]);
});

test('renewals, address changes and the withdrawal have the secret, and no message shows it', async () => {
  const { runtime, registry, advertiser, warnings } = fakeService();
  const ad = await advertiser.advertise({ ...orders, leaseMs: 3_000 });
  const secret = 'secret of';
  await runtime.advance(2_000);
  registry.restartEmpty();
  await runtime.advance(5_000);
  await ad.close();
  const sent = registry.requests.map(({ path, payload }) => [path, JSON.stringify(payload).includes(secret)]);
  expect(sent[0]).toEqual([paths.register, false]);
  expect(sent.filter(([path]) => path === paths.renew).every(([, has]) => has)).toBe(true);
  expect(sent.at(-1)).toEqual([paths.withdraw, true]);
  expect(warnings.join()).not.toContain(secret);
  expect(JSON.stringify(ad)).not.toContain(secret);
});

test('a launched service that was never accepted does not give up its epoch', async () => {
  const service = fakeService();
  service.env.CLERK_LAUNCHED = '1';
  service.handshakeLine = JSON.stringify({
    ...{ v: 1, registry: ['http://r'], name: '/shop/orders', instance: 'launched-1', epoch: 7 },
    ...{ ticket: 'abc', registryKey: 'key' },
  });
  service.registry.registrationError = new ClerkError('FORBIDDEN', 'Epoch 7 is unknown', { remainingMs: 0 });
  const settled = service.advertiser.advertise(orders).catch((error: unknown) => error);
  await service.runtime.advance(1_000);
  expect(await settled).toMatchObject({ code: 'FORBIDDEN' });
  expect(service.registry.requests).toHaveLength(1);
});
