/** Endpoints that freeze, die, refuse probes or fail, as callers of a binding meet them. In virtual time. */
import { expect, onTestFinished, test } from 'vitest';
import { memoryCluster, type MemoryWorld } from 'binding-clerk/testing';
import { createClerk, type BindOptions } from 'binding-clerk';

interface Load extends MemoryWorld {
  readonly ejected: string[];
  readonly revived: string[];
  /** Makes GETs at a constant rate; returns their durations, or their error codes. */
  run(seconds: number, perSecond: number): Promise<{ ms: number[]; errors: string[] }>;
}

function setup(options: BindOptions = {}, seed = 1): Load {
  const world = memoryCluster({ '/shop/orders': ['a', 'b', 'c'] }, { seed, autoAdvance: false });
  const { clerk, runtime } = world;
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders', options);
  const ejected: string[] = [];
  const revived: string[] = [];
  clerk.on('ejected', ({ endpoint, reason }) => ejected.push(`${endpoint} ${reason}`));
  clerk.on('revived', ({ endpoint }) => revived.push(endpoint));
  return {
    ...world,
    ejected,
    revived,
    async run(seconds, perSecond) {
      const ms: number[] = [];
      const errors: string[] = [];
      for (let i = 0; i < seconds * perSecond; i++) {
        const startedAt = runtime.now();
        void orders.request({ path: '/' }).then(
          ({ body, statusCode }) => {
            body.resume();
            if (statusCode >= 400) errors.push(String(statusCode));
            ms.push(runtime.now() - startedAt);
          },
          (error: unknown) => errors.push((error as { code: string }).code),
        );
        await runtime.advance(1_000 / perSecond);
      }
      return { ms, errors };
    },
  };
}

test.each([
  [200, 150],
  [10, 300],
])(
  'twenty freezes of one of three servers at %i calls/s fail no call, and none takes over %i ms',
  async (perSecond, maxMs) => {
    const { cluster, runtime, run, ejected } = setup();
    await run(4, perSecond);
    for (let freeze = 0; freeze < 20; freeze++) {
      cluster.pause('a');
      const { ms, errors } = await run(3, perSecond);
      expect(errors).toEqual([]);
      expect(Math.max(...ms)).toBeLessThanOrEqual(maxMs);
      cluster.resume('a');
      await run(4, perSecond);
      await runtime.advance(60_000);
      await run(1, perSecond);
    }
    expect(ejected.filter((text) => !text.startsWith('a '))).toEqual([]);
    expect(ejected.length).toBeGreaterThanOrEqual(15);
  },
);

test('a suspect endpoint gets no calls while another endpoint is free, and is ejected after 1 s of silence', async () => {
  const { clerk, cluster, run, ejected } = setup({ policy: 'round-robin' });
  await run(2, 100);
  cluster.pause('a');
  await run(0.4, 100);
  const picked: string[] = [];
  clerk.on('picked', ({ endpoint }) => picked.push(endpoint));
  await run(0.5, 100);
  expect(new Set(picked)).toEqual(new Set(['b', 'c']));
  expect(ejected).toEqual([]);
  await run(1, 100);
  expect(ejected).toEqual(['a timeout']);
});

test.each([
  ['answers 500 to probes', { statusCode: 500 }],
  ['answers 404 to probes', { statusCode: 404 }],
  ['answers probes after 600 ms', { delayMs: 600 }],
])('a restarted server that %s gets its share back', async (_, probeReply) => {
  const { cluster, run } = setup({ policy: 'round-robin' });
  cluster.respond('a', ({ method }) => (method === 'OPTIONS' ? probeReply : {}));
  await run(1, 100);
  cluster.kill('a');
  await run(3, 100);
  cluster.accept('a');
  await run(5, 100);
  const before = ['a', 'b', 'c'].map((id) => cluster.requests(id));
  await run(6, 100);
  const requests = ['a', 'b', 'c'].map((id, i) => cluster.requests(id) - before[i]!);
  for (const count of requests) expect(Math.abs(count - 200), String(requests)).toBeLessThanOrEqual(20);
});

test('a restarted server that answers no probe at all gets its share back by a real call, which costs at most 20 ms', async () => {
  const { cluster, run, revived } = setup({ policy: 'round-robin' });
  cluster.respond('a', ({ method }) => (method === 'OPTIONS' ? { behavior: 'hang' } : {}));
  await run(1, 100);
  cluster.kill('a');
  const outage = await run(10, 100);
  expect(outage.errors).toEqual([]);
  cluster.accept('a');
  const { ms, errors } = await run(6, 100);
  expect(errors).toEqual([]);
  expect(Math.max(...ms)).toBeLessThanOrEqual(25);
  expect(revived).toEqual(['a']);
  const before = cluster.requests('a');
  await run(3, 100);
  expect(cluster.requests('a') - before).toBeGreaterThan(80);
});

test('a frozen server that hangs at probes costs no call more than 20 ms while it is ejected', async () => {
  const { cluster, run, ejected } = setup();
  await run(2, 100);
  cluster.pause('a');
  await run(3, 100);
  expect(ejected).toEqual(['a timeout']);
  const { ms, errors } = await run(30, 100);
  expect(errors).toEqual([]);
  expect(Math.max(...ms)).toBeLessThanOrEqual(25);
});

test('a server that answers 500 to calls and 200 to probes costs few failed calls', async () => {
  const { cluster, run } = setup({ policy: 'round-robin' });
  await run(1, 100);
  cluster.respond('a', ({ method }) => ({ statusCode: method === 'OPTIONS' ? 200 : 500 }));
  await run(1, 100);
  const { errors } = await run(60, 100);
  // Stays of 1, 2, 4, 8, 16 and 30 s: one failed call at each return.
  expect(errors.length).toBeLessThanOrEqual(7);
});

test('without probes a frozen server is not ejected, gets few calls, and fails none', async () => {
  const { cluster, run, ejected } = setup({ policy: 'round-robin', probe: false });
  await run(2, 100);
  cluster.pause('a');
  const frozen = cluster.requests('a');
  const { errors } = await run(10, 100);
  expect(errors).toEqual([]);
  expect(ejected).toEqual([]);
  expect(cluster.requests('a') - frozen).toBeLessThan(100);
  cluster.resume('a');
  await run(5, 100);
  const before = cluster.requests('a');
  await run(3, 100);
  expect(cluster.requests('a') - before).toBeGreaterThan(80);
});

test('primary: a late call does not move calls from a primary that answers probes', async () => {
  const { clerk, cluster, run, ejected } = setup({ policy: 'primary' });
  cluster.respond('a', ({ method }) => (method === 'OPTIONS' ? { delayMs: 400 } : {}));
  await run(2, 5);
  cluster.delay('a', 300);
  const picked: string[] = [];
  clerk.on('picked', ({ endpoint, attempt }) => attempt === 1 && picked.push(endpoint));
  await run(4, 5);
  expect(new Set(picked)).toEqual(new Set(['a']));
  expect(ejected).toEqual([]);
});

test('affinity: a key whose server fails and may not be ejected stays at its next server', async () => {
  const { clerk, cluster, runtime } = setup({ policy: 'affinity' });
  const orders = clerk.bind('/shop/orders', { policy: 'affinity' });
  const calls = async (keys: readonly string[], rounds: number): Promise<Map<string, Set<string>>> => {
    const served = new Map(keys.map((key) => [key, new Set<string>()]));
    for (let round = 0; round < rounds; round++)
      for (const key of keys) {
        void orders.request({ path: '/', affinity: key }).then(({ body, endpoint, statusCode }) => {
          body.resume();
          if (statusCode < 400) served.get(key)?.add(endpoint.id);
        });
        await runtime.advance(5);
      }
    return served;
  };
  const keys = Array.from({ length: 30 }, (_, i) => `key ${String(i)}`);
  const before = await calls(keys, 2);
  cluster.respond('a', 500);
  cluster.respond('b', 500);
  await calls(keys, 20);
  const after = await calls(keys, 20);
  for (const key of keys) {
    expect([...(after.get(key) ?? [])], key).toEqual(['c']);
    if (before.get(key)?.has('c')) expect(before.get(key)).toEqual(after.get(key));
  }
});

test('a server that answers no probe comes back by a call also when every call looks the service up first', async () => {
  const { cluster, runtime } = setup();
  const endpoints = ['a', 'b', 'c'].map((id) => ({ id, address: `http://${id}` }));
  const clerk = createClerk({
    registry: { resolve: () => ({ kind: 'bound', endpoints, ttlMs: 50 }) },
    runtime,
  });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders', { policy: 'round-robin' });
  const run = async (seconds: number): Promise<void> => {
    for (let i = 0; i < 5 * seconds; i++) {
      void orders.request({ path: '/' }).then(({ body }) => body.resume());
      await runtime.advance(200);
    }
  };
  cluster.respond('a', ({ method }) => (method === 'OPTIONS' ? { behavior: 'hang' } : {}));
  await run(2);
  cluster.kill('a');
  await run(8);
  cluster.accept('a');
  await run(6);
  const before = cluster.requests('a');
  await run(6);
  expect(cluster.requests('a') - before).toBeGreaterThanOrEqual(8);
});

test.each([300, 800, 1_500, 3_000])(
  'a server that was frozen for %i ms with calls that must run at most once in flight has its share back after 5 s',
  async (frozenMs) => {
    const { cluster, run } = setup({ kind: 'once' }, 3);
    await run(2, 150);
    cluster.pause('a');
    await run(frozenMs / 1_000, 150);
    cluster.resume('a');
    await run(5, 150);
    const before = cluster.requests('a');
    await run(3, 150);
    const share = (3 * 150) / 3;
    expect(cluster.requests('a') - before).toBeGreaterThan(0.7 * share);
  },
);

test('an endpoint that is slow, not frozen, keeps its latency: it gets few calls', async () => {
  const { cluster, run } = setup({ kind: 'once' }, 3);
  await run(2, 150);
  cluster.respond('a', ({ method }) => ({ delayMs: method === 'OPTIONS' ? 0 : 200 }));
  await run(3, 150);
  const before = cluster.requests('a');
  await run(5, 150);
  expect(cluster.requests('a') - before).toBeLessThan(0.1 * ((5 * 150) / 3));
});
