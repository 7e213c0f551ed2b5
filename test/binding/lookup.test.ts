/** Lookups of a clerk through a registry port that is slow, fails, or returns invalid or empty results. In virtual time. */
import { createClerk, firstOf, union, type ClerkOptions } from 'binding-clerk';
import type { Registry, Resolution } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, test } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';

const ttlMs = 2_000;
const bound = (...ids: string[]): Resolution => ({
  kind: 'bound',
  endpoints: ids.map((id) => ({ id, address: `http://${id}` })),
  ttlMs,
});

/** A clerk with a registry port whose result the test changes; servers a and b exist. */
function setup(first: () => Resolution | Promise<Resolution>, options: Partial<ClerkOptions> = {}) {
  const runtime = createFakeRuntime({ seed: 11, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  for (const id of ['a', 'b'])
    network.server(`http://${id}`).handler = () => ({ statusCode: 200, body: `"${id}"` });
  const lookups: { name: string; suspects: string[] }[] = [];
  const port = { answer: first };
  const registry: Registry = {
    resolve: (name, { suspects }) => {
      lookups.push({ name, suspects: [...suspects] });
      return port.answer();
    },
  };
  const clerk = createClerk({ ...options, registry, runtime });
  const stale: string[] = [];
  clerk.on('stale', ({ name }) => stale.push(name));
  return { clerk, runtime, network, lookups, port, stale, orders: clerk.bind('/shop/orders') };
}

test('bind() makes no lookup; concurrent first calls share one', async () => {
  const { orders, lookups } = setup(() => bound('a'));
  expect(lookups).toEqual([]);
  await Promise.all(Array.from({ length: 50 }, () => orders.json('/')));
  expect(lookups).toHaveLength(1);
});

test('a resolution is used for its TTL, counted from the start of the lookup, and refreshed before it expires', async () => {
  const { orders, lookups, runtime, clerk } = setup(async () => {
    await new Promise<void>((resolve) => runtime.setTimer(resolve, 500));
    return bound('a');
  });
  await orders.json('/');
  const answer = await clerk.resolve('/shop/orders');
  expect(answer.ageMs).toBeGreaterThanOrEqual(500);
  await runtime.advance(1_000);
  await orders.json('/');
  expect(lookups).toHaveLength(1);
  await runtime.advance(300); // 1.8 s after the question: in use and nearly over
  await orders.json('/');
  expect(lookups).toHaveLength(2);
});

test('a lookup continues for the other callers when one is aborted', async () => {
  let release: (resolution: Resolution) => void = () => undefined;
  const { orders, lookups } = setup(() => new Promise((resolve) => (release = resolve)));
  const impatient = new AbortController();
  const first = clerkErrorOf(orders.json('/', { signal: impatient.signal }));
  const second = orders.json('/');
  await Promise.resolve();
  impatient.abort();
  expect((await first).code).toBe('ABORTED');
  release(bound('a'));
  expect(await second).toBe('a');
  expect(lookups).toHaveLength(1);
});

test('a failed first lookup is an error with its cause, and is not cached', async () => {
  const { orders, port } = setup(() => Promise.reject(new Error('disk on fire')));
  const error = await clerkErrorOf(orders.json('/'));
  expect(error.code).toBe('REGISTRY_UNREACHABLE');
  expect(error.execution).toBe('none');
  expect(error.message).toContain('disk on fire');
  port.answer = () => bound('b');
  expect(await orders.json('/')).toBe('b');
});

test('a first lookup that hangs ends with the deadline of the call', async () => {
  const { orders } = setup(() => new Promise(() => undefined));
  expect((await clerkErrorOf(orders.json('/', { timeoutMs: 300 }))).code).toBe('DEADLINE_EXCEEDED');
});

test.each([
  ['rejects', () => Promise.reject(new Error('down'))],
  ['hangs', () => new Promise<Resolution>(() => undefined)],
  [
    'throws',
    () => {
      throw new TypeError('broken port');
    },
  ],
  ['returns nonsense', () => ({ kind: 'bound', endpoints: 'none' }) as unknown as Resolution],
  ['returns nothing', () => undefined as unknown as Resolution],
  ['names a bad address', () => bound('a b')],
] as [string, () => Resolution | Promise<Resolution>][])(
  'when a registry %s later, calls continue with the last good resolution, marked stale',
  async (_how, trouble) => {
    const { orders, port, stale, runtime, clerk } = setup(() => bound('a'));
    await orders.json('/');
    port.answer = trouble;
    for (let second = 0; second < 30; second++) {
      await runtime.advance(1_000);
      expect(await orders.json('/')).toBe('a');
    }
    expect(stale).toContain('/shop/orders');
    expect(orders.explain().stale).toBe(true);
    port.answer = () => bound('b');
    await runtime.advance(10_000);
    await orders.json('/');
    await runtime.advance(1_000);
    expect(await orders.json('/')).toBe('b');
    expect(orders.explain().stale).toBe(false);
    await clerk.close();
  },
);

test('a stale resolution is used for at most an hour', async () => {
  const { orders, port, runtime } = setup(() => bound('a'));
  await orders.json('/');
  port.answer = () => Promise.reject(new Error('down'));
  await runtime.advance(3_599_000);
  expect(await orders.json('/')).toBe('a');
  await runtime.advance(60_000);
  expect((await clerkErrorOf(orders.json('/'))).code).toBe('REGISTRY_UNREACHABLE');
});

test('an empty list of endpoints is accepted; an older revision is not', async () => {
  const numbered = (revision: string, ...ids: string[]): Resolution =>
    ({ ...bound(...ids), revision }) as Resolution;
  const { orders, port, runtime } = setup(() => numbered('10', 'a'));
  await orders.json('/');
  port.answer = () => numbered('9');
  await runtime.advance(ttlMs);
  expect(await orders.json('/')).toBe('a');
  port.answer = () => numbered('11');
  await runtime.advance(20_000);
  await clerkErrorOf(orders.json('/')).catch(() => undefined);
  await runtime.advance(2_000);
  expect((await clerkErrorOf(orders.json('/'))).code).toBe('NO_ENDPOINT');
  port.answer = () => numbered('12', 'b');
  await runtime.advance(1_000);
  expect(await orders.json('/')).toBe('b');
});

test('an absent name is cached for 1 s', async () => {
  const { orders, lookups, port, runtime } = setup(() => ({ kind: 'absent', ttlMs: 60_000 }));
  for (let i = 0; i < 5; i++) expect((await clerkErrorOf(orders.json('/'))).code).toBe('NAME_NOT_FOUND');
  expect(lookups).toHaveLength(1);
  port.answer = () => bound('a');
  await runtime.advance(5_000); // five are believed at most, whatever the registry says
  expect(await orders.json('/')).toBe('a');
});

test('a failed call triggers a lookup that names the suspect endpoint', async () => {
  const { orders, lookups, port, network } = setup(() => ({ ...bound('a'), ttlMs: 60_000 }));
  await orders.json('/');
  network.server('http://a').kill();
  port.answer = () => bound('b');
  expect(await orders.json('/')).toBe('b');
  expect(lookups[1]).toEqual({ name: '/shop/orders', suspects: ['a'] });
});

test('links are followed, and a cycle is an error that shows it', async () => {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  network.server('http://a').handler = () => ({ statusCode: 200, body: '"a"' });
  const names: Record<string, Resolution> = {
    '/old': { kind: 'link', target: '/new', ttlMs: 700 },
    '/new': bound('a'),
    '/x': { kind: 'link', target: '/y' },
    '/y': { kind: 'link', target: '/x' },
  };
  const clerk = createClerk({ registry: { resolve: (name) => names[name] ?? { kind: 'absent' } }, runtime });
  expect(await clerk.bind('/old').json('/')).toBe('a');
  const answer = await clerk.resolve('/old');
  expect(answer.canonical).toBe('/new');
  expect(answer.path.map(({ name, kind }) => `${name} ${kind}`)).toEqual(['/old link', '/new service']);
  expect([answer.usableMs, answer.guaranteedMs]).toEqual([700, 0]);
  const error = await clerkErrorOf(clerk.resolve('/x'));
  expect(error.code).toBe('REGISTRY_INVALID');
  expect(error.message).toContain('/x → /y → /x');
});

test('a wall clock that jumps ahead expires resolutions earlier', async () => {
  const { orders, lookups, runtime } = setup(() => bound('a'));
  await orders.json('/');
  runtime.shiftWallClock(3_600_000);
  await orders.json('/');
  expect(lookups).toHaveLength(2);
  runtime.shiftWallClock(-7_200_000);
  await orders.json('/');
  expect(lookups).toHaveLength(2);
});

test('a wall clock that is set back does not extend a resolution', async () => {
  const { orders, port, runtime, stale } = setup(() => bound('a'));
  await orders.json('/');
  runtime.shiftWallClock(-3_600_000);
  port.answer = () => Promise.reject(new Error('down'));
  await runtime.advance(ttlMs);
  await orders.json('/');
  expect(stale).toEqual(['/shop/orders']); // its time is over, and it is said to be
});

test('a registry with a watch method pushes changes', async () => {
  const runtime = createFakeRuntime({ seed: 5, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  for (const id of ['a', 'b'])
    network.server(`http://${id}`).handler = () => ({ statusCode: 200, body: `"${id}"` });
  let push: (resolution: Resolution) => void = () => undefined;
  let unwatched = 0;
  const clerk = createClerk({
    runtime,
    registry: {
      resolve: () => ({ ...bound('a'), ttlMs: 60_000 }),
      watch: (glob, onSnapshot) => {
        push = (resolution) => onSnapshot(new Map([[glob, resolution]]));
        return () => unwatched++;
      },
    },
  });
  const orders = clerk.bind('/shop/orders');
  expect(await orders.json('/')).toBe('a');
  push(bound('b'));
  expect(await orders.json('/')).toBe('b');
  await clerk.close();
  expect(unwatched).toBe(1);
  push(bound('a'));
});

test('a guarantee that a watch delivers late ends when the registry assumes that it ends', async () => {
  const runtime = createFakeRuntime({ seed: 5, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  for (const id of ['a', 'b'])
    network.server(`http://${id}`).handler = () => ({ statusCode: 200, body: `"${id}"` });
  let push: (resolution: Resolution) => void = () => undefined;
  let answer = { ...bound('a'), guaranteedMs: 5_000, ttlMs: 5_000 } as Resolution;
  const clerk = createClerk({
    runtime,
    registry: {
      resolve: () => answer,
      watch: (glob, onSnapshot) => {
        push = (resolution) => onSnapshot(new Map([[glob, resolution]]));
        return () => undefined;
      },
    },
  });
  const orders = clerk.bind('/shop/orders');
  expect(await orders.json('/')).toBe('a');
  const statedAt = runtime.now();
  await runtime.advance(2_000);
  push({ ...answer, statedAt } as Resolution);
  expect((await clerk.resolve('/shop/orders')).ageMs).toBe(2_000);
  // The registry changes the name when the guarantee has ended.
  await runtime.advance(statedAt + 5_000 - runtime.now());
  answer = bound('b');
  expect(await orders.json('/')).toBe('b');
  await clerk.close();
});

test('a resolution with a TTL of 0 serves the calls that waited for it', async () => {
  const { orders, lookups } = setup(() => ({ ...bound('a'), ttlMs: 0 }));
  expect(await orders.json('/')).toBe('a');
  expect(await orders.json('/')).toBe('a');
  expect(lookups).toHaveLength(2);
});

test('a call that waited for a backoff does not use a resolution that expired meanwhile', async () => {
  const { orders, port, network, runtime } = setup(() => ({ ...bound('a'), ttlMs: 0 }));
  await orders.json('/');
  network.server('http://a').kill();
  await clerkErrorOf(orders.json('/', { timeoutMs: 50 }));
  const requests: string[] = [];
  network.server('http://a').accept();
  network.server('http://a').handler = () => {
    requests.push('a');
    return { statusCode: 200, body: '"a"' };
  };
  // It refused a moment ago and is backing off. Before the next dial the service moves to b.
  const call = orders.json('/');
  runtime.setTimer(() => (port.answer = () => ({ ...bound('b'), ttlMs: 0 })), 1);
  expect(await call).toBe('b');
  expect(requests).toEqual([]);
});

test('a fresh resolution is not marked stale while the registry is unreachable, and is looked up repeatedly', async () => {
  const { orders, port, runtime, stale, clerk } = setup(() => bound('a'));
  await orders.json('/');
  port.answer = () => Promise.reject(new Error('down'));
  const resolved: number[] = [];
  clerk.on('resolved', () => resolved.push(runtime.now()));
  await runtime.advance(1_800); // nearly expired: the refresh has started
  await orders.json('/');
  await runtime.advance(100);
  expect(await orders.json('/')).toBe('a');
  expect(orders.explain().stale).toBe(false);
  expect(stale).toEqual([]);
  await runtime.advance(100);
  expect(await orders.json('/')).toBe('a');
  expect(orders.explain().stale).toBe(true);
  expect(resolved).toEqual([]);
  port.answer = () => bound('b');
  await runtime.advance(1_000);
  expect(await orders.json('/')).toBe('b');
  await clerk.close();
});

test('a name in use is looked up repeatedly while its resolution is fresh', async () => {
  const { orders, port, runtime } = setup(() => ({ ...bound('a'), ttlMs: 200_000 }));
  await orders.json('/');
  port.answer = () => Promise.reject(new Error('down'));
  const until = async (second: number): Promise<void> => {
    while (runtime.now() < second * 1_000) {
      await runtime.advance(1_000);
      await orders.json('/');
    }
  };
  await until(185); // refreshed since about second 150
  port.answer = () => ({ ...bound('b'), ttlMs: 200_000 });
  await until(192);
  expect(await orders.json('/')).toBe('b');
});

test('a failed lookup after an empty result is REGISTRY_UNREACHABLE, not NO_ENDPOINT', async () => {
  const { orders, port, runtime } = setup(() => bound());
  expect((await clerkErrorOf(orders.json('/'))).code).toBe('NO_ENDPOINT');
  port.answer = () => Promise.reject(new Error('down'));
  await runtime.advance(2_000);
  const error = await clerkErrorOf(orders.json('/'));
  expect(error.code).toBe('REGISTRY_UNREACHABLE');
  expect(error.message).toMatch(/down; \S+ had no endpoints when last looked up, \d+ ms ago$/);
});

test('a bound name stays cached while ten thousand others are looked up', async () => {
  const { orders, port, runtime, clerk } = setup(() => bound('a'));
  expect(await orders.json('/')).toBe('a');
  for (let i = 0; i < 10_001; i++) await clerk.resolve(`/other/n${String(i)}`);
  port.answer = () => Promise.reject(new Error('down'));
  await runtime.advance(60_000);
  expect(await orders.json('/')).toBe('a');
  expect(orders.explain().stale).toBe(true);
});

test('firstOf uses the second registry when the first hangs; union waits for both', async () => {
  const runtime = createFakeRuntime({ seed: 4, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  network.server('http://b').handler = () => ({ statusCode: 200, body: '"b"' });
  const hangs: Registry = { resolve: () => new Promise(() => undefined) };
  const knows = { '/shop/orders': ['http://b'] };
  const inOrder = createClerk({ registry: firstOf(hangs, knows), runtime });
  const startedAt = runtime.now();
  expect(await inOrder.bind('/shop/orders').json('/')).toBe('b');
  expect(runtime.now() - startedAt).toBeLessThan(600);
  const together = createClerk({ registry: union(knows, hangs), runtime });
  expect((await clerkErrorOf(together.bind('/shop/orders').json('/'))).code).toBe('REGISTRY_UNREACHABLE');
});

test('a union continues with the previous result while one of its registries hangs', async () => {
  const runtime = createFakeRuntime({ seed: 4, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  network.server('http://a').handler = () => ({ statusCode: 200, body: '"a"' });
  let answer = (): Resolution | Promise<Resolution> => bound('a');
  const orders = createClerk({
    registry: union({ resolve: () => answer() }, { '/shop/orders': [] }),
    runtime,
  }).bind('/shop/orders');
  expect(await orders.json('/')).toBe('a');
  answer = () => new Promise(() => undefined);
  await runtime.advance(10_000);
  expect(await orders.json('/')).toBe('a');
  expect(orders.explain()).toMatchObject({ stale: true, candidates: [{ endpoint: { id: 'a' } }] });
});

test('a polling watch continues after the registry hung', async () => {
  const { clerk, port, runtime } = setup(() => bound('a'));
  const changes = clerk.watch('/shop/orders');
  const idsOfNext = async (): Promise<string[]> => {
    const next = (await changes.next()) as { value: { endpoints: { id: string }[] } };
    return next.value.endpoints.map(({ id }) => id);
  };
  expect(await idsOfNext()).toEqual(['a']);
  const second = idsOfNext();
  port.answer = () => new Promise(() => undefined);
  await runtime.advance(3_000);
  port.answer = () => bound('b');
  await runtime.advance(10_000);
  expect(await Promise.race([second, Promise.resolve('nothing')])).toEqual(['b']);
  await clerk.close();
  expect(runtime.pendingTimers).toBeLessThanOrEqual(1); // the interval between two polls
});

test('an attempt is not aborted when the only alternative is ejected', async () => {
  const { orders, network } = setup(() => ({ ...bound('a', 'b'), ttlMs: 60_000 }));
  network.server('http://a').kill();
  for (let i = 0; i < 5; i++) expect(await orders.json('/')).toBe('b');
  network.server('http://b').handler = () => ({ statusCode: 200, body: '"b"', delayMs: 900 });
  expect(await orders.json('/')).toBe('b'); // slow, and there is no open alternative
});

test('a once call that was sent is awaited until its deadline', async () => {
  const { orders, network } = setup(() => ({ ...bound('a', 'b'), ttlMs: 60_000 }));
  for (const id of ['a', 'b'])
    network.server(`http://${id}`).handler = () => ({ statusCode: 200, body: `"${id}"`, delayMs: 4_000 });
  expect(await orders.text('/', { method: 'POST', timeoutMs: 5_000 })).toMatch(/[ab]/);
  expect(network.attempts).toHaveLength(1);
});

test('failed calls deposit into the retry budget too', async () => {
  const { orders, network, runtime } = setup(() => ({ ...bound('a', 'b'), ttlMs: 60_000 }));
  for (const id of ['a', 'b']) network.server(`http://${id}`).handler = () => ({ behavior: 'reset-after' });
  const count = 900;
  for (let i = 0; i < count; i++) {
    expect((await clerkErrorOf(orders.json('/'))).code).toMatch(/BUDGET_EXHAUSTED|ENDPOINTS_EXHAUSTED/);
    await runtime.advance(10);
  }
  // 10 % of 100 calls, plus the reserve of 30.
  expect(network.attempts.length - count).toBeGreaterThan(90);
  expect(network.attempts.length - count).toBeLessThanOrEqual(0.1 * count + 30);
});
