/** A clerk with a registry that can start services, in virtual time. */
import { createClerk, type Clerk } from 'binding-clerk';
import type { Registry, Resolution } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';

/** A clerk, and a registry with one service that has no endpoint at first. */
function setup(start: (() => Promise<readonly string[]>) | undefined, first: Partial<Resolution> = {}) {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime, { latencyMs: 1 });
  runtime.transport = network.transport;
  network.server('http://fresh');
  const started: string[] = [];
  const registry: Registry = {
    resolve: () => ({ kind: 'bound', endpoints: [], startable: true, ...first }) as Resolution,
    ...(start && {
      start: (name: string) => {
        started.push(name);
        return start();
      },
    }),
  };
  const clerk: Clerk = createClerk({ registry, runtime });
  onTestFinished(() => clerk.destroy());
  return { clerk, started, network, runtime };
}

test('the registry starts a service without endpoints, once for all callers', async () => {
  const { clerk, started, runtime } = setup(async () => {
    await new Promise<void>((resolve) => runtime.setTimer(resolve, 300));
    return ['http://fresh'];
  });
  const orders = clerk.bind('/shop/orders');
  const replies = await Promise.all([1, 2, 3].map(() => orders.request({ path: '/' })));
  expect(replies.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
  expect(started).toEqual(['/shop/orders']);
});

test('a start does not draw on the retry budget', async () => {
  const { clerk } = setup(async () => ['http://fresh']);
  const orders = clerk.bind('/shop/orders');
  const before = orders.explain().retriesLeft;
  await orders.json('/').catch(() => undefined);
  expect(orders.explain().retriesLeft).toBe(before);
});

test('callers receive START_FAILED with the reason', async () => {
  const failing = setup(async () => {
    throw new ClerkError('START_FAILED', 'It exited with code 3');
  });
  await expect(failing.clerk.bind('/shop/orders').json('/')).rejects.toMatchObject({
    code: 'START_FAILED',
    message: 'It exited with code 3',
  });
  const away = setup(async () => {
    throw new ClerkError('REGISTRY_UNREACHABLE', 'No registry listens');
  });
  await expect(away.clerk.bind('/shop/orders').json('/')).rejects.toMatchObject({
    code: 'START_FAILED',
    message: 'The registry could not start /shop/orders: No registry listens',
  });
});

test('an endpoint started by the registry and no longer listed is not called; the service is started again', async () => {
  const { clerk, started, network, runtime } = setup(async () => [
    started.length === 1 ? 'http://fresh' : 'http://newer',
  ]);
  network.server('http://newer');
  const orders = clerk.bind('/shop/orders');
  const called = async () => (await orders.request({ path: '/' })).endpoint.address;
  expect(await called()).toBe('http://fresh');
  // Another process may use its address by now.
  await new Promise<void>((resolve) => runtime.setTimer(resolve, 30_000));
  expect(await called()).toBe('http://newer');
  expect(started).toHaveLength(2);
});

test('endpoints started by a factory of the program need no listing', async () => {
  const { clerk, runtime } = setup(undefined);
  let starts = 0;
  const factory = () => {
    starts++;
    return 'http://fresh';
  };
  const orders = clerk.bind('/shop/orders', { factory });
  expect((await orders.request({ path: '/' })).statusCode).toBe(200);
  await new Promise<void>((resolve) => runtime.setTimer(resolve, 30_000));
  expect((await orders.request({ path: '/' })).statusCode).toBe(200);
  expect(starts).toBe(1);
});

test.each<[string, Parameters<typeof setup>]>([
  ['declares that it cannot', [async () => ['http://fresh'], { startable: false }]],
  ['declares nothing', [async () => ['http://fresh'], { startable: undefined } as Partial<Resolution>]],
  ['has no start method', [undefined]],
])('a registry that %s is not asked to', async (_what, given) => {
  const { clerk, started } = setup(...given);
  await expect(clerk.bind('/shop/orders').json('/')).rejects.toMatchObject({ code: 'NO_ENDPOINT' });
  expect(started).toEqual([]);
});

test('a factory of the program takes precedence over the registry', async () => {
  const { clerk, started } = setup(async () => ['http://elsewhere']);
  const orders = clerk.bind('/shop/orders', { factory: () => 'http://fresh' });
  expect((await orders.request({ path: '/' })).statusCode).toBe(200);
  expect(started).toEqual([]);
});

test('a loopback address of another host is ignored when the endpoint has another address', async () => {
  const runtime = createFakeRuntime({ seed: 3, hostname: 'here' });
  const seen: string[][] = [];
  runtime.transport = () => ({
    open: (_endpoint, addresses) => {
      seen.push(addresses.map(({ text }) => text));
      throw new Error('Enough seen');
    },
  });
  const tower = ['http://10.0.0.7:80', 'unix:/run/x', 'http://127.0.0.1:80'];
  const used = async (host: string, addresses: readonly string[]): Promise<string[] | undefined> => {
    const clerk = createClerk({ registry: { '/x': { addresses, host } }, runtime });
    await clerk
      .bind('/x')
      .json('/')
      .catch(() => undefined);
    await clerk.destroy();
    return seen.pop();
  };
  expect(await used('here', tower)).toEqual(tower);
  expect(await used('there', tower)).toEqual(['http://10.0.0.7:80']);
  expect(await used('there', tower.slice(1))).toEqual(['http://127.0.0.1:80']);
});

test('a call waits for a start when all endpoints drain, and uses a draining endpoint that cannot be replaced', async () => {
  const endpoints = [{ id: 'old', address: 'http://old', state: 'draining' as const }];
  const starting = setup(async () => ['http://fresh'], { endpoints });
  starting.network.server('http://old');
  const called = async ({ clerk }: { clerk: Clerk }) =>
    (await clerk.bind('/shop/orders').request({ path: '/' })).endpoint.address;
  expect(await called(starting)).toBe('http://fresh');
  expect(starting.started).toEqual(['/shop/orders']);
  const fixed = setup(async () => ['http://fresh'], { endpoints, startable: false });
  fixed.network.server('http://old');
  expect(await called(fixed)).toBe('http://old');
  expect(fixed.started).toEqual([]);
});
