/** Stalls of the clerk's own event loop: endpoints get no health penalty for them. */
import { expect, onTestFinished, test } from 'vitest';
import type { Binding, BindOptions, Outcome } from 'binding-clerk';
import { memoryCluster, type MemoryWorld } from 'binding-clerk/testing';

interface Watched extends MemoryWorld {
  readonly orders: Binding;
  readonly outcomes: Outcome[];
  readonly ejected: string[];
}

/** Two servers with a response delay, after enough calls that their latency is known. */
async function warm(delayMs: number, policy: BindOptions['policy'] = 'round-robin'): Promise<Watched> {
  const world = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 3, autoAdvance: false });
  const { clerk, cluster, runtime } = world;
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders', { policy });
  const outcomes: Outcome[] = [];
  const ejected: string[] = [];
  clerk.on('attempt', ({ outcome }) => outcomes.push(outcome));
  clerk.on('ejected', ({ endpoint }) => ejected.push(endpoint));
  cluster.delay('a', delayMs);
  cluster.delay('b', delayMs);
  for (let i = 0; i < 40; i++) {
    const call = orders.json('/');
    await runtime.advance(delayMs + 10);
    await call;
  }
  outcomes.splice(0);
  return { ...world, orders, outcomes, ejected };
}

const latencies = (orders: Binding): number[] =>
  orders.explain().candidates.map(({ latencyMs }) => latencyMs);

test('responses received after a stall count as successes, with the latency before the stall', async () => {
  const { orders, runtime, outcomes, ejected, cluster } = await warm(30);
  const before = orders.explain().attemptTimeoutMs;
  const asked = cluster.requests('a') + cluster.requests('b');
  const calls = [1, 2, 3, 4].map(() => orders.json('/'));
  await runtime.advance(25);
  runtime.stall(600);
  await runtime.advance(1);
  await Promise.all(calls);
  expect(outcomes.map(({ code, attempt }) => [code, attempt])).toEqual(calls.map(() => ['200', 1]));
  expect([cluster.requests('a') + cluster.requests('b') - asked, ejected]).toEqual([4, []]);
  for (const latencyMs of latencies(orders)) expect(latencyMs).toBeLessThan(60);
  expect(orders.explain().attemptTimeoutMs).toBeLessThan(2 * before);
});

test('a request sent just before a stall still has its full attempt timeout', async () => {
  // During a stall the process writes nothing, so the server receives nothing.
  const { orders, runtime, outcomes, ejected } = await warm(30);
  const call = orders.json('/');
  runtime.stall(600);
  await runtime.advance(100);
  await call;
  expect(outcomes.map(({ code, attempt }) => [code, attempt])).toEqual([['200', 1]]);
  expect(ejected).toEqual([]);
});

test('a hanging server still times out, later by the duration of the stall', async () => {
  const { orders, runtime, outcomes, ejected, cluster } = await warm(30, ([first]) => first);
  cluster.pause('a');
  const limitMs = orders.explain().attemptTimeoutMs;
  const call = orders.json('/');
  runtime.stall(600);
  await runtime.advance(limitMs - 30);
  expect(ejected).toEqual([]);
  await runtime.advance(100);
  expect(await call).toEqual({ endpoint: 'b' });
  expect(outcomes.map(({ code }) => code)).toEqual(['SUPERSEDED', '200']);
  expect(ejected).toEqual([]);
  // The probe of the suspect endpoint is not answered either.
  await runtime.advance(1_000);
  expect(ejected).toEqual(['a']);
});

test('a deadline that passes during a stall fails the call without a health penalty', async () => {
  const { orders, runtime, outcomes, ejected, cluster } = await warm(30);
  cluster.delay('a', 2_000);
  cluster.delay('b', 2_000);
  const call = orders.json('/', { timeoutMs: 500 }).then(
    () => 'answered',
    (error: unknown) => (error as { code: string }).code,
  );
  runtime.stall(700);
  await runtime.advance(5);
  expect(await call).toBe('DEADLINE_EXCEEDED');
  expect(outcomes.map(({ code, verdict }) => [code, verdict])).toEqual([['DEADLINE_EXCEEDED', 'ignored']]);
  expect(ejected).toEqual([]);
  for (const latencyMs of latencies(orders)) expect(latencyMs).toBeLessThan(60);
});

test('the same holds for attempts of call()', async () => {
  const { orders, runtime, outcomes, ejected } = await warm(30);
  const talk = (): Promise<string> => new Promise((resolve) => runtime.setTimer(() => resolve('said'), 30));
  for (let i = 0; i < 40; i++) {
    const call = orders.call(talk, { kind: 'safe' });
    await runtime.advance(40);
    await call;
  }
  outcomes.splice(0);
  const calls = [1, 2, 3].map(() => orders.call(talk, { kind: 'safe' }));
  await runtime.advance(1);
  runtime.stall(900);
  await runtime.advance(1);
  expect(await Promise.all(calls)).toEqual(['said', 'said', 'said']);
  expect(outcomes.map(({ code, attempt }) => [code, attempt])).toEqual(calls.map(() => ['ok', 1]));
  expect(ejected).toEqual([]);
  for (const latencyMs of latencies(orders)) expect(latencyMs).toBeLessThan(60);
});
