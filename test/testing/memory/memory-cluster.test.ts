import { expect, test } from 'vitest';
import type { Binding, Clerk } from 'binding-clerk';
import { memoryCluster } from 'binding-clerk/testing';

async function calls(orders: Binding, count: number): Promise<string[]> {
  const endpoints: string[] = [];
  for (let i = 0; i < count; i++) {
    endpoints.push((await orders.json<{ endpoint: string }>('/orders/7')).endpoint);
  }
  return endpoints;
}

const bindOrders = (clerk: Clerk) => clerk.bind('/shop/orders', { policy: 'round-robin' });

test('an endpoint that refuses is avoided, and used again later', async () => {
  const { clerk, cluster, runtime } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 7 });
  const orders = bindOrders(clerk);
  cluster.refuse('a');
  await calls(orders, 3);
  expect(cluster.trace()).toMatch(/^(b:200 )?a:refused( b:200)+$/);

  cluster.accept('a');
  await runtime.advance(5_000);
  expect(new Set(await calls(orders, 10))).toEqual(new Set(['a', 'b']));
  await clerk.close();
});

test('two clusters with one seed have the same trace', async () => {
  const trace = async (seed: number) => {
    const { clerk, cluster } = memoryCluster({ '/shop/orders': ['a', 'b', 'c'] }, { seed });
    cluster.refuse('b');
    cluster.respond('c', 503);
    await calls(clerk.bind('/shop/orders', { policy: 'random' }), 20);
    await clerk.close();
    return cluster.trace();
  };
  expect(await trace(1)).toBe(await trace(1));
  expect(await trace(1)).not.toBe(await trace(2));
});

test('no call fails while one endpoint is stalled, paused or killed', async () => {
  const { clerk, cluster, runtime } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 7 });
  const orders = bindOrders(clerk);
  for (const [harm, heal] of [
    ['stall', 'accept'],
    ['pause', 'resume'],
    ['kill', 'accept'],
  ] as const) {
    cluster[harm]('a');
    expect(new Set(await calls(orders, 4))).toEqual(new Set(['b']));
    cluster[heal]('a');
    // Probes run only while calls arrive, so calls are made until one succeeds.
    for (let i = 0; i < 3; i++) {
      await runtime.advance(5_000);
      await calls(orders, 1);
    }
    expect(new Set(await calls(orders, 4))).toEqual(new Set(['a', 'b']));
  }
  expect(cluster.trace()).toContain('a:no-response');
  await clerk.close();
});

test('a response can have any content and any delay', async () => {
  const { clerk, cluster, runtime } = memoryCluster(
    { '/shop/orders': [{ id: 'a', zone: 'x' }] },
    { seed: 7 },
  );
  cluster.respond('a', ({ path, headers }) => ({
    statusCode: 201,
    body: `${path} ${String(headers.accept)}`,
  }));
  cluster.delay('a', 700);
  const before = runtime.now();
  const { statusCode, body, endpoint } = await bindOrders(clerk).request({
    path: '/x',
    headers: ['Accept', 'text/plain'],
  });
  expect([statusCode, await body.text(), endpoint.zone]).toEqual([201, '/x text/plain', 'x']);
  expect(runtime.now() - before).toBeGreaterThanOrEqual(700);
  expect(cluster.requests('a')).toBe(1);
  await clerk.close();
});

test('a call fails when all endpoints are down, and the trace names them', async () => {
  const { clerk, cluster } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 7 });
  cluster.kill('a');
  cluster.kill('b');
  await expect(clerk.bind('/shop/orders').json('/')).rejects.toMatchObject({
    code: 'ENDPOINTS_EXHAUSTED',
    execution: 'none',
  });
  expect(cluster.trace()).toContain('a:refused');
  expect(cluster.trace()).toContain('b:refused');
  await clerk.close();
});

test('an unknown or repeated instance id is an error', () => {
  const { cluster } = memoryCluster({ '/shop/orders': ['a'] }, { seed: 7 });
  expect(() => cluster.kill('z')).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: "memoryCluster(): no instance has the id 'z'; use one of the ids a",
    }),
  );
  expect(() => memoryCluster({ '/x': ['a'], '/y': ['a'] }, { seed: 7 })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: "memoryCluster(): ids of instances must be unique in the cluster; got 'a' twice",
    }),
  );
});

test.each([[-1], [NaN], [Infinity], ['1'], [null]])('the latency %j is an error', (latencyMs) => {
  expect(() => memoryCluster({ '/x': ['a'] }, { latencyMs: latencyMs as never })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('latencyMs must be a finite number ≥ 0; got ') as string,
    }),
  );
});
