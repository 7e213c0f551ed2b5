/** Each request of gather() has one endpoint: whatever happens there, no other endpoint gets that request. In virtual time. */
import { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import type { CallKind } from 'binding-clerk';
import { memoryCluster, type ServerReply } from 'binding-clerk/testing';
import { clerkErrorOf } from '../real/clerk-error-of.js';

const situations: readonly [what: string, reply: ServerReply, result: number | string, requests: number][] = [
  ['answers late', { delayMs: 3_000 }, 200, 1],
  ['answers 503', { statusCode: 503 }, 503, 1],
  ['answers 500', { statusCode: 500 }, 500, 1],
  ['hangs', { behavior: 'hang' }, 'DEADLINE_EXCEEDED', 1],
  ['resets the connection', { behavior: 'reset-after' }, 'failed', 1],
];

test.each(situations.flatMap((each) => (['safe', 'once'] as const).map((kind) => [kind, ...each] as const)))(
  'a request of kind %s to an endpoint that %s ends there',
  async (kind: CallKind, _what, reply, result, requests) => {
    const ids = ['a', 'b', 'c'];
    const { clerk, cluster } = memoryCluster({ '/shop/orders': ids }, { seed: 1 });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders');
    await orders.json('/');
    const before = new Map(ids.map((id) => [id, cluster.requests(id)]));
    cluster.respond('a', () => reply);

    const results = await orders.gather({ path: '/', kind, timeoutMs: 5_000 });

    const found = new Map<string, number | string>();
    for (const one of results) {
      if (one.ok) await one.response.body.dump();
      found.set(one.endpoint.id, one.ok ? one.response.statusCode : one.error.code);
    }
    const own = found.get('a');
    if (result === 'failed') expect(own).toMatch(/^(ENDPOINTS_EXHAUSTED|OUTCOME_UNKNOWN)$/);
    else expect(own).toBe(result);
    expect([found.get('b'), found.get('c')]).toEqual([200, 200]);
    const sent = ids.map((id) => cluster.requests(id) - (before.get(id) ?? 0));
    expect(sent).toEqual([requests, 1, 1]);
  },
);

test('a request to an endpoint that refuses the connection goes nowhere else', async () => {
  const { clerk, cluster } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 1 });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders');
  cluster.kill('a');
  const results = await orders.gather({ path: '/' });
  expect(results.map(({ endpoint, ok }) => `${endpoint.id} ${String(ok)}`).sort()).toEqual([
    'a false',
    'b true',
  ]);
  expect(cluster.requests('b')).toBe(1);
});

test.each([
  ['a stream', () => Readable.from(['one pizza'])],
  ['a web stream', () => new Blob(['one pizza']).stream()],
  ['an iterable', () => ['one pizza'].values()],
] as const)(
  'a body that is %s is refused, since only one endpoint would get it',
  async (_what, createBody) => {
    const { clerk, cluster } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 1 });
    onTestFinished(() => clerk.destroy());
    const error = await clerkErrorOf(
      clerk.bind('/shop/orders').gather({ path: '/', method: 'POST', body: createBody() }),
    );
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('a stream or iterable can be read only once');
    expect([cluster.requests('a'), cluster.requests('b')]).toEqual([0, 0]);
  },
);
