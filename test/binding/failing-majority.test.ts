/** Three of five servers answer with failures: almost no call fails, and the other two share the calls evenly. */
import { expect, onTestFinished, test } from 'vitest';
import type { BindOptions } from 'binding-clerk';
import type { PolicyFunction } from 'binding-clerk/extend';
import { memoryCluster } from 'binding-clerk/testing';

const ids = ['a', 'b', 'c', 'd', 'e'];
const bad = ids.slice(0, 3);
const healthy = ids.slice(3);

interface Result {
  readonly calls: number;
  /** Failed calls after the first second. */
  readonly failed: number;
  /** Requests of each server after the first second. */
  readonly requests: ReadonlyMap<string, number>;
}

/**
 * Makes GETs at a constant rate for a time, in virtual time.
 *
 * @param goodCalls - calls before the servers begin to fail
 */
async function call(
  policy: Exclude<BindOptions['policy'], undefined>,
  status: number,
  { seed = 1, perSecond = 200, seconds = 10, goodCalls = 0 } = {},
): Promise<Result> {
  const { clerk, cluster, runtime } = memoryCluster({ '/shop/orders': ids }, { seed, autoAdvance: false });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders', { policy });
  for (let i = 0; i < goodCalls; i++) {
    void orders.request({ path: '/' }).then(({ body }) => body.resume());
    await runtime.advance(1_000 / perSecond);
  }
  for (const id of bad) cluster.respond(id, status);
  let failed = 0;
  let before = new Map<string, number>();
  const total = perSecond * seconds;
  for (let i = 0; i < total; i++) {
    if (i === perSecond) before = new Map(ids.map((id) => [id, cluster.requests(id)]));
    const isCounted = i >= perSecond;
    const options = policy === 'affinity' ? { affinity: `key ${String(i)}` } : {};
    const failure = (): void => {
      if (isCounted) failed++;
    };
    void orders.request({ path: '/', ...options }).then((response) => {
      response.body.resume();
      if (response.statusCode >= 500) failure();
    }, failure);
    await runtime.advance(1_000 / perSecond);
  }
  await runtime.advance(5_000);
  const requests = new Map(ids.map((id) => [id, cluster.requests(id) - (before.get(id) ?? 0)]));
  return { calls: total - perSecond, failed, requests };
}

const anyCandidate: PolicyFunction = (candidates, { random }) =>
  candidates[Math.floor(random() * candidates.length)];

test.each(
  [500, 503].flatMap((status) =>
    (
      [
        'local-first',
        'random',
        'round-robin',
        'load-aware',
        'least-pending',
        'weighted',
        'first-to-respond',
        'affinity',
        anyCandidate,
      ] as const
    ).map((policy) => [typeof policy === 'function' ? 'a function' : policy, status, policy] as const),
  ),
)(
  '%s: with 3 of 5 servers answering %i at most 2 in 100 GETs fail after the first second',
  async (_, status, policy) => {
    const { calls, failed, requests } = await call(policy, status);
    expect(failed / calls).toBeLessThanOrEqual(0.02);
    const shares = healthy.map((id) => requests.get(id) ?? 0);
    expect(Math.max(...shares) / Math.min(...shares), String(shares)).toBeLessThanOrEqual(1.2);
  },
);

test.each(['local-first', 'round-robin', 'random', 'least-pending', 'affinity'] as const)(
  '%s: at 32 GETs/s the returns of servers that answer 500 fail at most 2 in 100 GETs',
  async (policy) => {
    for (let seed = 1; seed <= 3; seed++) {
      const { calls, failed } = await call(policy, 500, { seed, perSecond: 32, seconds: 20 });
      expect(failed / calls).toBeLessThanOrEqual(0.02);
    }
  },
);

test.each(
  (['local-first', 'round-robin', 'random', 'least-pending', 'affinity'] as const).flatMap((policy) =>
    [500, 503].map((status) => [policy, status] as const),
  ),
)('%s: with 3 of 5 servers answering %i few GETs fail also at 5 and 10 GETs/s', async (policy, status) => {
  for (const perSecond of [5, 10])
    for (let seed = 1; seed <= 3; seed++) {
      const { calls, failed } = await call(policy, status, { seed, perSecond, seconds: 40 });
      expect(failed / calls, `${String(perSecond)}/s, seed ${String(seed)}`).toBeLessThanOrEqual(0.02);
    }
});

test.each([500, 503])(
  'primary: with 3 of 5 servers answering %i at most 2 in 100 GETs fail after the first second',
  async (status) => {
    const { calls, failed } = await call('primary', status, { perSecond: 100 });
    expect(failed / calls).toBeLessThanOrEqual(0.02);
  },
);

test.each([500, 503].flatMap((status) => [0, 50].map((goodCalls) => [status, goodCalls] as const)))(
  'primary: with 3 of 5 servers answering %i after %i good answers few GETs fail also at 5 and 10 GETs/s',
  async (status, goodCalls) => {
    for (const perSecond of [5, 10]) {
      const { calls, failed } = await call('primary', status, { perSecond, seconds: 30, goodCalls });
      expect(failed / calls, String(perSecond)).toBeLessThanOrEqual(0.02);
    }
  },
);

test('a route that answers 500 at every server ejects none, also in the first second', async () => {
  for (const policy of ['local-first', 'round-robin', 'random', 'affinity', 'primary'] as const)
    for (let seed = 1; seed <= 4; seed++) {
      const { clerk, cluster, runtime } = memoryCluster(
        { '/shop/orders': ids },
        { seed, autoAdvance: false },
      );
      const ejected: string[] = [];
      clerk.on('ejected', ({ endpoint }) => ejected.push(endpoint));
      const orders = clerk.bind('/shop/orders', { policy });
      for (const id of ids)
        cluster.respond(id, ({ path }) => ({ statusCode: path.startsWith('/failing') ? 500 : 200 }));
      for (let i = 0; i < 400; i++) {
        const path = runtime.random() < 0.2 ? '/failing' : '/';
        const options = policy === 'affinity' ? { affinity: `key ${String(i)}` } : {};
        void orders.request({ path, ...options }).then(({ body }) => body.resume());
        await runtime.advance(10);
      }
      expect(ejected, `${policy}, seed ${String(seed)}`).toEqual([]);
      await clerk.destroy();
    }
});

test('a server that fails three of ten GETs and may not be ejected keeps its share of the rest', async () => {
  const { clerk, cluster, runtime } = memoryCluster({ '/shop/orders': ids }, { seed: 2, autoAdvance: false });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders', { policy: 'round-robin' });
  for (const id of ['a', 'b']) cluster.kill(id);
  let count = 0;
  cluster.respond('c', () => ({ statusCode: ++count % 10 < 3 ? 500 : 200 }));
  for (let i = 0; i < 2_000; i++) {
    void orders.request({ path: '/' }).then(({ body }) => body.resume());
    await runtime.advance(5);
  }
  const share = cluster.requests('c') / cluster.requests('d');
  expect(share).toBeGreaterThan(0.4);
  expect(share).toBeLessThan(0.95);
});

test('a failing server that works again gets its share back', async () => {
  const { clerk, cluster, runtime } = memoryCluster({ '/shop/orders': ids }, { seed: 3, autoAdvance: false });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders', { policy: 'round-robin' });
  const run = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds * 100; i++) {
      void orders.request({ path: '/' }).then(({ body }) => body.resume());
      await runtime.advance(10);
    }
  };
  for (const id of bad) cluster.respond(id, 500);
  await run(5);
  for (const id of bad) cluster.respond(id, 200);
  // The last stay was 4 s at most, and the first one after it is not doubled.
  await run(10);
  const before = new Map(ids.map((id) => [id, cluster.requests(id)]));
  await run(5);
  for (const id of ids)
    expect(Math.abs(cluster.requests(id) - before.get(id)! - 100), id).toBeLessThanOrEqual(20);
});

test('a retry of a failed call goes to a server that works', async () => {
  const { clerk, cluster, runtime } = memoryCluster({ '/shop/orders': ids }, { seed: 4, autoAdvance: false });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders', { policy: 'round-robin' });
  const attempts: number[] = [];
  for (const id of bad) cluster.respond(id, 503);
  for (let i = 0; i < 600; i++) {
    const response = orders.request({ path: '/' });
    void response.then(({ body, statusCode }) => {
      body.resume();
      if (i > 200) attempts.push(statusCode);
    });
    await runtime.advance(10);
  }
  const { outcomes } = { outcomes: cluster.trace().split(' ').slice(-400) };
  // After each 503 the next attempt is answered with 200.
  outcomes.forEach((outcome, i) => {
    if (outcome.endsWith(':503') && i + 1 < outcomes.length) expect(outcomes[i + 1]).toMatch(/:200$/);
  });
  expect(new Set(attempts)).toEqual(new Set([200]));
});
