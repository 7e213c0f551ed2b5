/** The public methods of a clerk: list, search, watch, acquire, gather, explain, events, close. */
import { once } from 'node:events';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createClerk, firstOf, localFirst, mount, roundRobin, union, type NameChange } from 'binding-clerk';
import type { Registry, Snapshot } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork, memoryCluster } from 'binding-clerk/testing';
import { expect, test, vi } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';

const shop = {
  '/shop/orders': [
    { id: 'a', zone: 'x', version: '2.1.0' },
    { id: 'b', zone: 'y', version: '1.9.0' },
  ],
  '/shop/stock': ['c'],
};

test('names are listed and searched by glob; names without a slash are relative to the root', async () => {
  const { clerk } = memoryCluster(shop, { seed: 1, clerk: { root: '/shop' } });
  expect((await clerk.list('/shop/*')).map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    '/shop/orders service',
    '/shop/stock service',
  ]);
  expect((await clerk.list('o*')).map(({ name }) => name)).toEqual(['/shop/orders']);
  const found = await clerk.search('/**', { zone: 'y' });
  expect(found.map(({ name, endpoints }) => [name, endpoints.map(({ id }) => id)])).toEqual([
    ['/shop/orders', ['b']],
  ]);
  expect(await clerk.bind('stock').json('/')).toEqual({ endpoint: 'c' });
  expect((await clerkErrorOf(clerk.list('/shop/***'))).code).toBe('NAME_INVALID');
});

test('resolve returns the result of the lookup', async () => {
  const { clerk } = memoryCluster(shop, { seed: 1 });
  const answer = await clerk.resolve('/shop/orders');
  expect(answer).toMatchObject({
    name: '/shop/orders',
    canonical: '/shop/orders',
    kind: 'service',
    guaranteedMs: Infinity,
    usableMs: Infinity,
    stale: false,
  });
  expect(answer.endpoints.map(({ id, addresses, weight }) => [id, addresses, weight])).toEqual([
    ['a', ['http://a'], 1],
    ['b', ['http://b'], 1],
  ]);
  expect(JSON.parse(JSON.stringify(answer)).name).toBe('/shop/orders');
  expect((await clerkErrorOf(clerk.resolve('/unknown'))).code).toBe('NAME_NOT_FOUND');
});

test('a version range excludes endpoints of other versions', async () => {
  const { clerk, cluster } = memoryCluster(shop, { seed: 1 });
  const orders = clerk.bind('/shop/orders', { version: '^2.0' });
  for (let i = 0; i < 5; i++) await orders.json('/');
  expect(cluster.requests('b')).toBe(0);
  const error = await clerkErrorOf(clerk.bind('/shop/orders', { version: '^3.0' }).json('/'));
  expect(error.code).toBe('VERSION_MISMATCH');
  expect(error.message).toContain('2.1.0, 1.9.0');
});

test('endpoints with weight 0 or draining are used only as a last resort', async () => {
  const { clerk, cluster } = memoryCluster(
    { '/s': [{ id: 'a', weight: 0 }, { id: 'b' }, { id: 'c', state: 'draining' }] },
    { seed: 2 },
  );
  const s = clerk.bind('/s', { policy: 'random' });
  for (let i = 0; i < 20; i++) await s.json('/');
  expect([cluster.requests('a'), cluster.requests('b'), cluster.requests('c')]).toEqual([0, 20, 0]);
  expect(s.explain().leftOut.map(({ endpoint, reason }) => `${endpoint.id} ${reason}`)).toEqual([
    'a weight 0: used only as a last resort',
    'c draining: used only as a last resort',
  ]);
  cluster.kill('b');
  await s.json('/');
  expect(cluster.requests('a') + cluster.requests('c')).toBeGreaterThan(0);
});

test('clerk.request calls the longest prefix that is a service; the remainder is the path', async () => {
  const { clerk, cluster } = memoryCluster({ '/shop': ['s'], '/shop/orders': ['o'] }, { seed: 1 });
  const paths: string[] = [];
  for (const id of ['s', 'o'])
    cluster.respond(id, ({ path }) => {
      paths.push(`${id} ${path}`);
      return { statusCode: 200 };
    });
  for (const path of ['/shop/orders/orders/7?x=1', '/shop/Orders/7', '/shop', '/shop/orders?q'])
    await (await clerk.request(path)).body.dump();
  expect(paths).toEqual(['o /orders/7?x=1', 's /Orders/7', 's /', 'o /?q']);
  expect((await clerkErrorOf(clerk.request('/unknown/home'))).code).toBe('NAME_NOT_FOUND');
  expect((await clerkErrorOf(clerk.request('/'))).code).toBe('NAME_INVALID');
});

test('gather sends one request to every endpoint and returns each response or error', async () => {
  const { clerk, cluster } = memoryCluster({ '/s': ['a', 'b', 'c'] }, { seed: 1 });
  cluster.refuse('b');
  const all = await clerk.bind('/s').gather({ path: '/stats' });
  const results = await Promise.all(
    all.map(async (one) => [one.endpoint.id, one.ok ? await one.response.body.json() : one.error.code]),
  );
  expect(results).toEqual([
    ['a', { endpoint: 'a' }],
    ['b', 'ENDPOINTS_EXHAUSTED'],
    ['c', { endpoint: 'c' }],
  ]);
});

test('gather also sends to endpoints that are backing off, and starts a missing service', async () => {
  const { clerk, cluster, runtime } = memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });
  const s = clerk.bind('/s');
  for (const id of ['a', 'b']) cluster.refuse(id);
  for (let i = 0; i < 20; i++) await clerkErrorOf(s.json('/'));
  cluster.accept('b');
  const before = runtime.now();
  const all = await s.gather({ path: '/' });
  expect(all.map((one) => (one.ok ? one.endpoint.id : one.error.code))).toEqual(['ENDPOINTS_EXHAUSTED', 'b']);
  expect(runtime.now() - before).toBeLessThan(10);
  expect((await clerkErrorOf(clerk.bind('/unknown').gather({ path: '/' }))).code).toBe('NAME_NOT_FOUND');
});

test('acquire counts the endpoint as busy until released; its signal aborts when the endpoint is removed', async () => {
  const { clerk, cluster } = memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });
  const s = clerk.bind('/s', { policy: 'least-pending' });
  const acquired = await s.acquire();
  const busy = (): number[] =>
    s
      .explain()
      .candidates.map(({ pending }) => pending)
      .sort();
  expect(busy()).toEqual([0, 1]);
  expect(acquired.endpoint.address).toBe(`http://${acquired.endpoint.id}`);
  cluster.kill(acquired.endpoint.id);
  for (const one of await s.gather({ path: '/' })) if (one.ok) await one.response.body.dump();
  expect(acquired.signal.aborted).toBe(true);
  acquired.release('failure');
  acquired.release('success');
  expect(s.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  {
    using other = await s.acquire();
    expect(other.signal.aborted).toBe(false);
    expect(busy()).toEqual([1]);
  }
  expect(busy()).toEqual([0]);
});

test('ready connects and sends no request', async () => {
  const { clerk, cluster } = memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });
  cluster.refuse('a');
  await clerk.bind('/s').ready();
  expect(cluster.requests('a') + cluster.requests('b')).toBe(0);
  cluster.refuse('b');
  const { clerk: other, cluster: dead } = memoryCluster({ '/s': ['z'] }, { seed: 1 });
  dead.refuse('z');
  expect((await clerkErrorOf(other.bind('/s').ready())).code).toBe('DEADLINE_EXCEEDED');
});

test('explain works before a lookup and causes none', async () => {
  let lookups = 0;
  const clerk = createClerk({ registry: { resolve: () => (lookups++, { kind: 'absent' }) } });
  const explanation = clerk.bind('/s').explain();
  expect(explanation).toMatchObject({
    name: '/s',
    candidates: [],
    ageMs: undefined,
    stale: false,
    attemptTimeoutMs: 250,
    retriesLeft: 20,
  });
  expect(lookups).toBe(0);
  await clerk.close();
});

test('the rejection of an async listener is logged, and does not end the program', async () => {
  const errors: string[] = [];
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: (text: string) => errors.push(text) };
  const { clerk } = memoryCluster(shop, { seed: 1, clerk: { logger } });
  // eslint-disable-next-line @typescript-eslint/no-misused-promises -- programs do this
  clerk.on('attempt', () => Promise.reject(new Error('no disk space')));
  expect(await clerk.bind('/shop/stock').json('/')).toEqual({ endpoint: 'c' });
  await vi.waitFor(() =>
    expect(errors).toEqual([
      "A listener for the event 'attempt' of the clerk threw an error: no disk space; the error is ignored",
    ]),
  );
});

test('events are emitted, an error in a listener is isolated, and node:events works with a clerk', async () => {
  const warn = vi.fn<(message: string) => void>();
  const { clerk, cluster } = memoryCluster(
    { '/s': ['a', 'b'] },
    { seed: 1, clerk: { logger: { debug: warn, info: warn, warn, error: warn } } },
  );
  const events: string[] = [];
  const channelled: unknown[] = [];
  const listen = (payload: unknown): void => void channelled.push(payload);
  subscribe('binding-clerk:failover', listen);
  clerk.on('picked', () => {
    throw new Error('listener');
  });
  for (const event of ['resolved', 'picked', 'attempt', 'failover', 'ejected', 'suspect', 'revived'] as const)
    clerk.on(event, () => events.push(event));
  const first = once(clerk as never, 'attempt') as Promise<[{ outcome: { code: string } }]>;
  cluster.refuse('a');
  const s = clerk.bind('/s', { policy: roundRobin() });
  for (let i = 0; i < 3; i++) await s.json('/');
  unsubscribe('binding-clerk:failover', listen);
  expect((await first)[0].outcome.code).toMatch(/ECONNREFUSED|200/);
  expect(events).toEqual(
    expect.arrayContaining(['resolved', 'picked', 'attempt', 'failover', 'ejected', 'suspect']),
  );
  expect(channelled).toHaveLength(1);
  expect(warn).toHaveBeenCalledWith(expect.stringContaining('listener'));
  let once1 = 0;
  const counted = (): number => once1++;
  clerk.once('attempt', counted);
  await s.json('/');
  await s.json('/');
  expect(once1).toBe(1);
  const before = events.length;
  const removed = (): void => void events.push('removed');
  clerk.on('attempt', removed).off('attempt', removed);
  await s.json('/');
  expect(events.slice(before)).not.toContain('removed');
  expect(() => clerk.on('nothing' as never, () => undefined)).toThrow(
    /Event must be one of .*; got 'nothing'/,
  );
});

test('watch yields the current names, then every change, and ends with the loop, the signal or the clerk', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  runtime.transport = createMemoryNetwork(runtime).transport;
  let push: (snapshot: Snapshot) => void = () => undefined;
  let stopped = 0;
  const registry: Registry = {
    resolve: () => ({ kind: 'absent' }),
    watch: (_glob, onSnapshot) => {
      push = onSnapshot;
      return () => stopped++;
    },
  };
  const clerk = createClerk({ registry, runtime });
  const changes = clerk.watch('/shop/*');
  const next = async (): Promise<string> => {
    const { value } = (await changes.next()) as { value: NameChange };
    return value.type === 'put'
      ? `${value.name} ${value.endpoints.map(({ id }) => id).join()}`
      : `${value.name} deleted`;
  };
  const bound = (...ids: string[]) => ({
    kind: 'bound' as const,
    endpoints: ids.map((id) => ({ id, address: `http://${id}` })),
  });
  push({ '/shop/a': bound('n1'), '/shop/b': bound('n2') });
  expect([await next(), await next()]).toEqual(['/shop/a n1', '/shop/b n2']);
  push(
    new Map([
      ['/shop/a', bound('n1')],
      ['/shop/b', bound('n2', 'n3')],
    ]),
  );
  expect(await next()).toBe('/shop/b n2,n3');
  push({ '/shop/b': bound('n2', 'n3') });
  expect(await next()).toBe('/shop/a deleted');
  const waiting = changes.next();
  await clerk.close();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(stopped).toBe(1);
});

test('watch polls a registry without a watch method; an abort ends it with an error', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  runtime.transport = createMemoryNetwork(runtime).transport;
  let ids = ['n1'];
  const clerk = createClerk({
    runtime,
    registry: {
      resolve: () => ({ kind: 'bound', endpoints: ids.map((id) => ({ id, address: `http://${id}` })) }),
    },
  });
  const stop = new AbortController();
  const changes = clerk.watch('/s', { signal: stop.signal });
  expect((await changes.next()).value).toMatchObject({ type: 'put', name: '/s' });
  ids = ['n1', 'n2'];
  const second = changes.next();
  await runtime.advance(2_000);
  expect((await second).value).toMatchObject({ type: 'put', endpoints: [{ id: 'n1' }, { id: 'n2' }] });
  const third = clerkErrorOf(changes.next());
  stop.abort();
  expect((await third).code).toBe('ABORTED');
  expect((await clerkErrorOf(clerk.watch('/s/*').next())).code).toBe('CONFIG_INVALID');
});

test('several registries combine into one name space', async () => {
  const runtime = createFakeRuntime({ seed: 1, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  for (const id of ['a', 'b', 'c'])
    network.server(`http://${id}`).handler = () => ({ statusCode: 200, body: `"${id}"` });
  const clerk = createClerk({
    runtime,
    registry: firstOf({ '/s': 'http://a' }, mount('/far', union({ '/s': 'http://b' }, { '/s': 'http://c' }))),
  });
  expect(await clerk.bind('/s').json('/')).toBe('a');
  expect((await clerk.resolve('/far/s')).endpoints.map(({ id }) => id)).toEqual(['http://b', 'http://c']);
  expect((await clerk.list('/**')).map(({ name }) => name)).toEqual(['/far/s', '/s']);
});

test('the service config may name a policy; the binding overrides it, also with a function', async () => {
  const { clerk, cluster } = memoryCluster({ '/s': [{ id: 'a' }, { id: 'b' }, { id: 'c' }] }, { seed: 4 });
  const mine = clerk.bind('/s', {
    policy: (candidates) => candidates.find(({ endpoint }) => endpoint.id === 'b'),
  });
  for (let i = 0; i < 5; i++) await mine.json('/');
  expect(cluster.requests('b')).toBe(5);
  expect(clerk.bind('/s', { policy: localFirst(roundRobin()) }).explain().policy).toBe(
    'local-first(round-robin)',
  );
  const sticky = clerk.bind('/s', { policy: 'affinity', affinity: (path) => path });
  const before = cluster.trace().length;
  for (let i = 0; i < 6; i++) await sticky.json('/customer/7');
  expect(new Set(cluster.trace().slice(before).trim().split(' ')).size).toBe(1);
});

test('close waits for calls in flight and rejects new ones; destroy fails them; both may be repeated', async () => {
  const { clerk, cluster } = memoryCluster({ '/s': ['a'] }, { seed: 1 });
  const s = clerk.bind('/s');
  cluster.delay('a', 500);
  const call = s.json('/');
  const closing = clerk.close();
  expect((await clerkErrorOf(s.json('/'))).code).toBe('CLERK_CLOSED');
  expect(() => clerk.bind('/s')).toThrow(/closed/);
  expect((await clerkErrorOf(clerk.resolve('/s'))).code).toBe('CLERK_CLOSED');
  expect(await call).toEqual({ endpoint: 'a' });
  await closing;
  await clerk.close();

  const { clerk: other, cluster: frozen, runtime } = memoryCluster({ '/s': ['a'] }, { seed: 1 });
  frozen.pause('a');
  const cut = clerkErrorOf(other.bind('/s').json('/', { method: 'POST' }));
  await runtime.advance(50);
  await other.destroy();
  await other.destroy();
  expect(await cut).toMatchObject({ code: 'CLERK_CLOSED', execution: 'unknown' });
  await other.close();
  await runtime.advance(1); // the network's last message
  expect(runtime.pendingTimers).toBe(0);
});

test('a clerk is an async disposable', async () => {
  const { clerk } = memoryCluster({ '/s': ['a'] }, { seed: 1 });
  {
    await using disposable = clerk;
    await disposable.bind('/s').json('/');
  }
  expect(() => clerk.bind('/s')).toThrow(/closed/);
});

test('a fetch that may be retried is retried with its body', async () => {
  const bodies: unknown[] = [];
  const { clerk, cluster } = memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });
  cluster.respond('a', ({ method, body }) => {
    if (method === 'PUT') bodies.push(body);
    return { behavior: 'reset-after' };
  });
  cluster.respond('b', ({ method, body }) => {
    if (method === 'PUT') bodies.push(body);
    return { statusCode: 200 };
  });
  for (let i = 0; i < 3; i++) {
    const reply = await clerk.fetch('http://s.clerk/x', {
      method: 'PUT',
      body: 'one pizza',
      kind: 'idempotent',
    });
    expect(reply.status).toBe(200);
  }
  expect(bodies.length).toBeGreaterThan(3);
  expect(new Set(bodies.map(String))).toEqual(new Set(['one pizza']));
});

test('calls that require TLS have their own primary when only some endpoints have TLS', async () => {
  const runtime = createFakeRuntime({ seed: 1, autoAdvance: true });
  const network = createMemoryNetwork(runtime, { latencyMs: 0.5 });
  runtime.transport = network.transport;
  const requests: string[] = [];
  const addresses = ['http://plain', 'https://first', 'https://second'] as const;
  for (const address of addresses)
    network.server(address).handler = () => {
      requests.push(address);
      return { statusCode: 200 };
    };
  const clerk = createClerk({
    runtime,
    registry: {
      resolve: async () => ({
        kind: 'bound',
        policy: 'primary',
        endpoints: addresses.map((address) => ({ address })),
        ttlMs: 60_000,
      }),
    },
  });
  for (let round = 0; round < 3; round++) {
    for (const scheme of ['http', 'https']) await (await clerk.fetch(`${scheme}://s.clerk/`)).text();
    // A change of the endpoints makes both pick a primary again.
    if (round === 0) network.server(addresses[2]).kill();
    if (round === 0)
      for (const one of await clerk.bind('/s').gather({ path: '/' }))
        if (one.ok) await one.response.body.dump();
    if (round === 0) requests.length = 0;
  }
  expect(requests).toEqual(['http://plain', 'https://first', 'http://plain', 'https://first']);
  await clerk.destroy();
});
