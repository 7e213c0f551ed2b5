/** Load reports in response headers and from the registry, and how they shift calls. */
import { expect, onTestFinished, test } from 'vitest';
import { createClerk, type Binding, type Clerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork, memoryCluster } from 'binding-clerk/testing';

/** Utilizations by instance id, from explain(). */
const utilizations = (orders: Binding): Record<string, number | undefined> =>
  Object.fromEntries(
    orders.explain().candidates.map(({ endpoint, utilization }) => [endpoint.id, utilization]),
  );

const full = 'TEXT application_utilization=0.95, rps_fractional=100';

/** Share of 2,000 concurrent calls that reach one server, which sends these headers. */
async function shareOfCalls(headers: Record<string, string>, clerks = 1): Promise<number> {
  const counts = { a: 0, b: 0 };
  for (let i = 0; i < clerks; i++) {
    const { clerk, cluster, runtime } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 11 + i });
    onTestFinished(() => clerk.destroy());
    for (const [id, value] of Object.entries(headers))
      cluster.respond(id, () => ({ headers: { 'endpoint-load-metrics': value } }));
    const orders = clerk.bind('/shop/orders');
    for (let call = 0; call < 1_000 / clerks; call++) {
      await Promise.all([orders.json('/'), orders.json('/')]);
      await runtime.advance(5);
    }
    counts.a += cluster.requests('a');
    counts.b += cluster.requests('b');
  }
  return counts.a / (counts.a + counts.b);
}

test('an endpoint that reports high utilization gets clearly less than its share, and still some calls', async () => {
  const shareOfA = await shareOfCalls({ a: full, b: 'TEXT application_utilization=0.3' });
  expect(shareOfA).toBeLessThan(0.4);
  expect(shareOfA).toBeGreaterThan(0.01);
  const ofMany = await shareOfCalls({ a: full, b: 'TEXT application_utilization=0.3' }, 20);
  expect(ofMany).toBeLessThan(0.4);
  expect(ofMany).toBeGreaterThan(0.01);
});

test('as does one that reports it in another ORCA format', async () => {
  expect(await shareOfCalls({ a: 'JSON {"cpu_utilization":1.2}' })).toBeLessThan(0.4);
});

test('an endpoint that reports idleness, or an invalid value, gets no more than one without reports', async () => {
  for (const value of [
    'TEXT application_utilization=0',
    'TEXT application_utilization=-7',
    'JSON {{{',
    full.repeat(99),
  ]) {
    const shareOfA = await shareOfCalls({ a: value });
    expect(shareOfA).toBeGreaterThan(0.45);
    expect(shareOfA).toBeLessThan(0.55);
  }
});

test('a report in a response takes effect at once, also in a failure response', async () => {
  const { clerk, cluster } = memoryCluster({ '/shop/orders': ['a'] }, { seed: 1 });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders');
  const respondWith = (value: string, statusCode = 200): void =>
    cluster.respond('a', () => ({ statusCode, headers: { 'Endpoint-Load-Metrics': value } }));
  await orders.text('/');
  expect(utilizations(orders)).toEqual({ a: undefined });
  respondWith('TEXT application_utilization=0.4');
  await orders.text('/');
  expect(utilizations(orders)).toEqual({ a: 0.4 });
  respondWith('TEXT application_utilization=0.8', 500);
  await (await orders.request({ path: '/' })).body.text();
  expect(utilizations(orders)).toEqual({ a: 0.8 });
  respondWith('TEXT application_utilization=1e400');
  await orders.text('/');
  expect(utilizations(orders)).toEqual({ a: 0.8 });
});

/** A clerk of a registry that publishes loads. */
function clerkOfRegistry(resolve: () => object): {
  clerk: Clerk;
  orders: Binding;
  runtime: ReturnType<typeof createFakeRuntime>;
} {
  const runtime = createFakeRuntime({ seed: 2, autoAdvance: true });
  const network = createMemoryNetwork(runtime, {});
  for (const id of ['a', 'b']) network.server(`http://${id}`);
  runtime.transport = network.transport;
  const registry = { resolve: () => resolve() } as unknown as Registry;
  const clerk = createClerk({ registry, runtime, logger: silent });
  onTestFinished(() => clerk.destroy());
  return { clerk, orders: clerk.bind('/shop/orders'), runtime };
}
const nothing = (): void => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };

test('loads from the registry are utilizations before the first call, and updated with each lookup', async () => {
  let utilization = 0.6;
  const { clerk, orders, runtime } = clerkOfRegistry(() => ({
    kind: 'bound',
    endpoints: [
      { id: 'a', address: 'http://a', load: { utilization, callsPerSecond: 3, ageMs: 500 } },
      { id: 'b', address: 'http://b' },
    ],
    ttlMs: 1_000,
  }));
  const { endpoints } = await clerk.resolve('/shop/orders');
  expect(endpoints[0]).not.toHaveProperty('load');
  await orders.ready();
  expect(utilizations(orders)).toEqual({ a: 0.6, b: undefined });
  utilization = 0.7;
  await runtime.advance(1_001);
  await orders.ready();
  expect(utilizations(orders)).toEqual({ a: 0.7, b: undefined });
});

test.each([
  [{ utilization: -1 }, /has an invalid load: utilization must be .*; got -1/],
  [{ utilization: '0.5' }, /utilization must be .*; got '0.5'/],
  ['full', /load must be an object such as/],
  [{ utilization: 0.5, ageMs: -1 }, /must have a load with ageMs ≥ 0; got -1/],
  [{ utilization: 0.5, ageMs: 'long' }, /with ageMs ≥ 0; got 'long'/],
])('an invalid load from a registry is rejected: %j', async (load, message) => {
  const { clerk } = clerkOfRegistry(() => ({
    kind: 'bound',
    endpoints: [{ address: 'http://a', load }],
  }));
  await expect(clerk.resolve('/shop/orders')).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringMatching(message) as string,
  });
});
