/** The timeout in the service config, and the timeouts of the program that override it. In virtual time. */
import { createClerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork, type FakeRuntime } from 'binding-clerk/testing';
import { describe, expect, test } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';

/** A server with a response delay, and a service config with a timeout. */
function setup(serviceConfig: { timeoutMs: number | undefined }, delayMs: number, lookupMs = 0) {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const sentTimeouts: (string | undefined)[] = [];
  network.server('http://a').handler = ({ headers, isProbe }) => {
    if (!isProbe) sentTimeouts.push(headers['clerk-timeout-ms']);
    return { statusCode: 200, body: '"a"', delayMs };
  };
  const registry: Registry = {
    resolve: async () => {
      await sleep(runtime, lookupMs);
      return {
        kind: 'bound',
        endpoints: [{ id: 'a', address: 'http://a' }],
        ttlMs: 60_000,
        ...(serviceConfig.timeoutMs !== undefined && { timeoutMs: serviceConfig.timeoutMs }),
      };
    },
  };
  const clerk = createClerk({ registry, runtime });
  /** Duration of a call, rounded to the precision of deadlines, and its result. */
  const timed = async (call: () => Promise<unknown>): Promise<{ ms: number; code: string }> => {
    const startedAt = runtime.now();
    const code = await call().then(
      () => 'ok',
      (error: unknown) => (error as { code: string }).code,
    );
    return { ms: Math.floor((runtime.now() - startedAt) / 20) * 20, code };
  };
  return { clerk, timed, sentTimeouts, orders: clerk.bind('/shop/orders') };
}

const sleep = (runtime: FakeRuntime, ms: number): Promise<void> =>
  new Promise((resolve) => runtime.setTimer(resolve, ms));

describe('a call without a timeout of its own', () => {
  test.each([
    ['request', (orders: ReturnType<typeof setup>['orders']) => orders.request({ path: '/' })],
    ['json', (orders: ReturnType<typeof setup>['orders']) => orders.json('/')],
    [
      'call',
      (orders: ReturnType<typeof setup>['orders']) =>
        orders.call(() => new Promise<never>(() => {}), { kind: 'once' }),
    ],
  ])('%s ends at the service timeout, in the first call and in later ones', async (_what, call) => {
    const { orders, timed } = setup({ timeoutMs: 1_500 }, 60_000, 400);
    for (const _ of [1, 2]) {
      expect(await timed(() => call(orders))).toEqual({ code: 'DEADLINE_EXCEEDED', ms: 1_500 });
    }
  });

  test('may take longer than the default when the service config allows more', async () => {
    const { orders, timed } = setup({ timeoutMs: 30_000 }, 20_000, 400);
    expect(await timed(() => orders.json('/'))).toMatchObject({ code: 'ok' });
    expect(await timed(() => orders.json('/'))).toMatchObject({ code: 'ok' });
  });

  test('ends without a request when the lookup took longer than the service timeout', async () => {
    const { orders, timed, sentTimeouts } = setup({ timeoutMs: 300 }, 0, 400);
    const { ms, code } = await timed(() => orders.json('/'));
    expect({ ms, code }).toEqual({ ms: 400, code: 'DEADLINE_EXCEEDED' });
    expect(sentTimeouts).toEqual([]);
  });

  test('ends at the service timeout while the service starts', async () => {
    const empty: Registry = {
      resolve: () => ({ kind: 'bound', endpoints: [], ttlMs: 60_000, timeoutMs: 1_000 }),
    };
    const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
    runtime.transport = createMemoryNetwork(runtime).transport;
    const other = createClerk({ registry: empty, runtime });
    const slow = other.bind('/shop/orders', { factory: () => new Promise<never>(() => {}) });
    const startedAt = runtime.now();
    const error = await clerkErrorOf(slow.json('/'));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
    expect(runtime.now() - startedAt).toBeLessThanOrEqual(1_020);
  });

  test('sends the remaining time to the service', async () => {
    const { orders, sentTimeouts } = setup({ timeoutMs: 1_500 }, 0, 400);
    await orders.json('/');
    await orders.json('/');
    expect(sentTimeouts).toEqual(['1100', '1500']);
  });

  test('has the default timeout and sends no remaining time when the service config sets none', async () => {
    const { orders, timed, sentTimeouts } = setup({ timeoutMs: undefined }, 60_000);
    expect(await timed(() => orders.json('/'))).toMatchObject({ ms: 10_000, code: 'DEADLINE_EXCEEDED' });
    expect(sentTimeouts).toEqual([undefined]);
  });
});

test('timeouts of the binding and of the call override the service config', async () => {
  const { clerk, orders, timed } = setup({ timeoutMs: 5_000 }, 60_000);
  const hasty = clerk.bind('/shop/orders', { timeoutMs: 700 });
  expect(await timed(() => hasty.json('/'))).toMatchObject({ code: 'DEADLINE_EXCEEDED', ms: 700 });
  expect(await timed(() => hasty.json('/', { timeoutMs: 900 }))).toMatchObject({ ms: 900 });
  expect(await timed(() => orders.json('/', { timeoutMs: 6_000 }))).toMatchObject({ ms: 6_000 });
});

test('the service timeout appears in resolve and explain', async () => {
  const { clerk, orders } = setup({ timeoutMs: 1_500 }, 0);
  expect(await clerk.resolve('/shop/orders')).toMatchObject({ timeoutMs: 1_500 });
  expect(orders.explain().timeoutMs).toBe(10_000);
  await orders.json('/');
  expect(orders.explain().timeoutMs).toBe(1_500);
});

test.each([0, -1, Number.NaN, Infinity, 2 ** 31, '5' as unknown as number])(
  'a service config with timeoutMs %s is rejected',
  async (timeoutMs) => {
    const { orders } = setup({ timeoutMs }, 0);
    expect(await clerkErrorOf(orders.json('/'))).toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('timeoutMs') as string,
    });
  },
);
