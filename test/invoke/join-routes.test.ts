/** What late attempts cost a service under load, and what the attempt timeout learns from them. In virtual time. */
import { expect, test } from 'vitest';
import { seededRandom } from 'binding-clerk/testing';
import { joinWorld, type JoinWorld } from './join-world.js';

/** Starts `perSecond` calls a second for `seconds`, and returns their results. */
async function load(
  { runtime, get }: JoinWorld,
  seconds: number,
  perSecond: number,
  path: (i: number) => string,
): Promise<Awaited<ReturnType<JoinWorld['get']>>[]> {
  const calls: ReturnType<JoinWorld['get']>[] = [];
  for (let i = 0; i < seconds * perSecond; i++) {
    calls.push(get(path(i)));
    await runtime.advance(1_000 / perSecond);
  }
  await runtime.advance(4_000);
  return Promise.all(calls);
}

const policy = 'round-robin';
const manual = { autoAdvance: false };

test('a slow route with a path of its own costs nothing extra after 20 answers, and ejects no server', async () => {
  const world = joinWorld(
    4,
    ({ path }) => ({ delayMs: path.startsWith('/report') ? 600 : 2 }),
    { policy },
    manual,
  );
  const path = (i: number): string => (i % 150 === 0 ? `/report/${String(i)}` : '/orders/1');
  await load(world, 25, 150, path);
  const before = world.received.length;
  const results = await load(world, 15, 150, path);
  expect(world.received.length - before).toBe(results.length);
  expect(results.filter(({ code }) => code !== 'ok')).toEqual([]);
  expect(world.ejected).toEqual([]);
});

test('a route of 3 s is learned too, since the attempt timeout may rise to half of the deadline', async () => {
  const world = joinWorld(4, () => ({ delayMs: 3_000 }), { policy }, manual);
  await load(world, 20, 2, () => '/report');
  const before = world.received.length;
  const results = await load(world, 20, 2, () => '/report');
  expect(world.received.length - before).toBe(results.length);
  expect(world.ejected).toEqual([]);
});

test('a routeOf function of the binding decides which requests share a timeout', async () => {
  const world = joinWorld(
    4,
    ({ path }) => ({ delayMs: path.includes('report=1') ? 600 : 2 }),
    { policy, routeOf: (_method, path) => (path.includes('report=1') ? 'report' : 'rest') },
    manual,
  );
  const path = (i: number): string => (i % 150 === 0 ? '/orders?report=1' : '/orders');
  await load(world, 25, 150, path);
  const before = world.received.length;
  const results = await load(world, 15, 150, path);
  expect(world.received.length - before).toBe(results.length);
});

test('slow answers at random on one path cost at most 1.2 executions each, and eject no server', async () => {
  const random = seededRandom(5);
  let slow = 0;
  const world = joinWorld(
    4,
    () => {
      if (random() >= 0.005) return { delayMs: 2 };
      slow++;
      return { delayMs: 600 };
    },
    { policy },
    manual,
  );
  const results = await load(world, 30, 200, () => '/orders');
  expect(slow).toBeGreaterThan(20);
  expect((world.received.length - results.length) / slow).toBeLessThanOrEqual(1.2);
  expect(results.filter(({ code }) => code !== 'ok')).toEqual([]);
  // A late attempt is joined by a fast one, so that nearly all calls are fast.
  expect(results.filter(({ ms }) => ms > 100).length / results.length).toBeLessThan(0.001);
  expect(world.ejected).toEqual([]);
});

test('hang after hang at 10 calls/s does not raise the attempt timeout', async () => {
  const world = joinWorld(4, () => ({ delayMs: 40 }), { policy }, manual);
  const timeoutMs = (): number => world.binding.explain().attemptTimeoutMs;
  await load(world, 5, 10, () => '/');
  const before = timeoutMs();
  expect(before).toBeLessThan(200);
  const timeouts: number[] = [];
  for (let round = 0; round < 8; round++) {
    const id = world.ids[round % 4] as string;
    world.cluster.pause(id);
    const results = await load(world, 4, 10, () => '/');
    expect(results.filter(({ code }) => code !== 'ok')).toEqual([]);
    world.cluster.resume(id);
    await load(world, 4, 10, () => '/');
    timeouts.push(timeoutMs());
  }
  expect(Math.max(...timeouts)).toBeLessThanOrEqual(1.2 * before);
});

test('a service that becomes slow is learned within 20 answers, without a failed call', async () => {
  let delayMs = 2;
  const world = joinWorld(4, () => ({ delayMs }), { policy }, manual);
  await load(world, 5, 50, () => '/');
  delayMs = 400;
  await load(world, 5, 50, () => '/');
  const before = world.received.length;
  const results = await load(world, 10, 50, () => '/');
  expect(world.received.length - before).toBe(results.length);
  expect(results.filter(({ code }) => code !== 'ok')).toEqual([]);
  expect(world.ejected).toEqual([]);
});
