/** A call that is the probe of an ejected endpoint is one that its policy would send there. In virtual time. */
import { expect, onTestFinished, test } from 'vitest';
import { createClerk } from 'binding-clerk';
import { createFakeRuntime, createMemoryNetwork, memoryCluster } from 'binding-clerk/testing';

function setup() {
  const world = memoryCluster({ '/shop/orders': ['a', 'b', 'c'] }, { seed: 2, autoAdvance: false });
  onTestFinished(() => world.clerk.destroy());
  const { clerk, cluster, runtime } = world;
  cluster.respond('b', ({ isProbe }) => (isProbe ? { behavior: 'hang' } : {}));
  const others = clerk.bind('/shop/orders', { policy: 'round-robin' });
  /** Makes b ejected by calls of another binding, and lets it accept connections again. */
  const restart = async (): Promise<void> => {
    for (let i = 0; i < 6; i++) {
      void others.json('/');
      await runtime.advance(50);
    }
    cluster.kill('b');
    for (let i = 0; i < 6; i++) {
      void others.json('/');
      await runtime.advance(50);
    }
    cluster.accept('b');
  };
  return { ...world, restart };
}

test('a policy function that never picks an endpoint gets no response of that endpoint', async () => {
  const { clerk, runtime, restart } = setup();
  const binding = clerk.bind('/shop/orders', {
    policy: (candidates) => candidates.find(({ endpoint }) => endpoint.id !== 'b'),
  });
  await restart();
  const served: string[] = [];
  for (let i = 0; i < 100; i++) {
    void binding.json<{ endpoint: string }>('/').then(({ endpoint }) => served.push(endpoint));
    await runtime.advance(100);
  }
  expect(served.filter((id) => id === 'b')).toEqual([]);
});

test('affinity: a key whose endpoint is healthy is served by no other endpoint', async () => {
  const { clerk, runtime, restart } = setup();
  const binding = clerk.bind('/shop/orders', { policy: 'affinity' });
  const keys = Array.from({ length: 30 }, (_, i) => `key ${String(i)}`);
  const served = new Map(keys.map((key) => [key, new Set<string>()]));
  const round = async (): Promise<void> => {
    for (const affinity of keys) {
      void binding
        .json<{ endpoint: string }>('/', { affinity })
        .then(({ endpoint }) => served.get(affinity)?.add(endpoint));
      await runtime.advance(20);
    }
  };
  await round();
  const home = new Map(keys.map((key) => [key, [...(served.get(key) ?? [])]]));
  await restart();
  for (let i = 0; i < 20; i++) await round();
  for (const key of keys)
    if (!home.get(key)?.includes('b')) expect([...(served.get(key) ?? [])], key).toEqual(home.get(key));
});

test('primary: while the primary is healthy, no other endpoint gets a call', async () => {
  const { clerk, runtime, restart } = setup();
  const binding = clerk.bind('/shop/orders', { policy: 'primary' });
  await restart();
  const served = new Set<string>();
  for (let i = 0; i < 100; i++) {
    void binding.json<{ endpoint: string }>('/').then(({ endpoint }) => served.add(endpoint));
    await runtime.advance(100);
  }
  expect([...served]).toEqual(['a']);
});

test('primary: the ejected primary gets a call as its probe, and then all calls', async () => {
  const { clerk, cluster, runtime } = memoryCluster({ '/db': ['a', 'b'] }, { seed: 2, autoAdvance: false });
  onTestFinished(() => clerk.destroy());
  cluster.respond('a', ({ isProbe }) => (isProbe ? { behavior: 'hang' } : {}));
  const binding = clerk.bind('/db', { policy: 'primary' });
  const served: string[] = [];
  const run = async (calls: number): Promise<void> => {
    served.splice(0);
    for (let i = 0; i < calls; i++) {
      void binding.json<{ endpoint: string }>('/').then(({ endpoint }) => served.push(endpoint));
      await runtime.advance(50);
    }
  };
  await run(10);
  cluster.kill('a');
  await run(40);
  expect(new Set(served)).toEqual(new Set(['b']));
  cluster.accept('a');
  await run(200);
  await run(20);
  expect(new Set(served)).toEqual(new Set(['a']));
});

test.each([{ state: 'draining' }, { weight: 0 }, { state: 'suspect' }])(
  'an ejected endpoint that is now %j gets no call while other endpoints are free',
  async (change) => {
    const runtime = createFakeRuntime({ seed: 3 });
    const network = createMemoryNetwork(runtime);
    runtime.transport = network.transport;
    let requestsOfB = 0;
    for (const id of ['a', 'b', 'c'])
      network.server(`http://${id}`).handler = ({ isProbe }) => {
        if (isProbe) return id === 'b' ? { behavior: 'hang' } : {};
        if (id === 'b') requestsOfB++;
        return { statusCode: 200, body: '1' };
      };
    let extra: object = {};
    const endpoints = (): object[] => [
      { id: 'a', address: 'http://a' },
      { id: 'b', address: 'http://b', ...extra },
      { id: 'c', address: 'http://c' },
    ];
    const clerk = createClerk({
      runtime,
      registry: { resolve: () => ({ kind: 'bound', ttlMs: 500, endpoints: endpoints() }) as never },
    });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders', { policy: 'round-robin' });
    const run = async (calls: number): Promise<void> => {
      for (let i = 0; i < calls; i++) {
        void orders.json('/');
        await runtime.advance(50);
      }
    };
    await run(10);
    network.server('http://b').kill();
    await run(10);
    extra = change;
    network.server('http://b').accept();
    requestsOfB = 0;
    await run(220);
    expect(requestsOfB).toBe(0);
  },
);

test('the attempt of a call that is the probe of an ejected endpoint has the pick reason trial', async () => {
  const { clerk, runtime, restart } = setup();
  await restart();
  const picked: string[] = [];
  clerk.on('picked', ({ endpoint, pickReason }) => picked.push(`${endpoint} ${pickReason}`));
  const binding = clerk.bind('/shop/orders', { policy: 'round-robin' });
  for (let i = 0; i < 100; i++) {
    void binding.json('/');
    await runtime.advance(100);
  }
  expect(picked).toContain('b trial');
  expect(picked).toContain('a round-robin');
});
