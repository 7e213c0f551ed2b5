import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AttemptTimeout, AttemptTimeouts } from '../../src/invoke/attempt-timeout.js';
import { defaultAttemptTimeout, type AttemptTimeoutBounds } from '../../src/invoke/retry-settings.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

/** The timeout at `now`, of a call with the default bounds and a timeout of 10 s. */
function msOf(
  timeout: AttemptTimeout,
  now = 1_000,
  bounds: AttemptTimeoutBounds = defaultAttemptTimeout,
  callMs = 10_000,
): number {
  return timeout.timeoutMs(now, bounds, callMs);
}

function timeoutOf(latencies: readonly number[], now = 1_000): AttemptTimeout {
  const timeout = new AttemptTimeout();
  for (const latency of latencies) timeout.record(latency, now);
  return timeout;
}

const many = (count: number, latency: number): number[] => Array.from({ length: count }, () => latency);

test('the timeout is 250 ms while there are fewer than ten latencies', () => {
  expect(msOf(new AttemptTimeout())).toBe(250);
  expect(msOf(timeoutOf(many(9, 1)))).toBe(250);
  expect(msOf(timeoutOf(many(10, 1)))).not.toBe(250);
});

test('with ten latencies the timeout is three times the 99th percentile plus 10 ms, at least 25 ms', () => {
  expect(msOf(timeoutOf(many(100, 0.2)))).toBe(25);
  expect(msOf(timeoutOf(many(100, 0)))).toBe(25);
  // A bucket is at most 19 % wide.
  expect(msOf(timeoutOf(many(100, 30)))).toBeGreaterThan(3 * 30 + 10);
  expect(msOf(timeoutOf(many(100, 30)))).toBeLessThanOrEqual(3 * 30 * 1.19 + 10);
  // One in a hundred is beyond the percentile, two are not.
  expect(msOf(timeoutOf([...many(99, 1), 200]))).toBe(25);
  expect(msOf(timeoutOf([...many(98, 1), 200, 200]))).toBeGreaterThan(600);
});

test('up to 19 latencies the timeout is at most 1 s, from 20 on at most half the time of the call', () => {
  expect(msOf(timeoutOf(many(19, 4_000)))).toBe(1_000);
  expect(msOf(timeoutOf(many(20, 4_000)))).toBe(5_000);
  expect(msOf(timeoutOf(many(20, 1e12)))).toBe(5_000);
  expect(msOf(timeoutOf(many(20, 4_000)), 1_000, defaultAttemptTimeout, 60_000)).toBeGreaterThan(12_000);
  expect(msOf(timeoutOf(many(20, 4_000)), 1_000, defaultAttemptTimeout, 60_000)).toBeLessThan(15_000);
  // Half of a short call is less than the 1 s that every route may have.
  expect(msOf(timeoutOf(many(20, 4_000)), 1_000, defaultAttemptTimeout, 500)).toBe(1_000);
});

test('a route learns from 20 answers of 600 ms that an attempt may take longer than 1 s', () => {
  const timeout = timeoutOf(many(20, 600));
  expect(msOf(timeout)).toBeGreaterThan(3 * 600 + 10);
  expect(msOf(timeout)).toBeLessThanOrEqual(3 * 600 * 1.19 + 10);
});

test('equal bounds fix the timeout, whatever the latencies', () => {
  const fixed = { minMs: 400, maxMs: 400 };
  expect(msOf(new AttemptTimeout(), 1_000, fixed)).toBe(400);
  for (const latencyMs of [1, 100, 5_000])
    expect(msOf(timeoutOf(many(100, latencyMs)), 1_000, fixed)).toBe(400);
  expect(msOf(timeoutOf(many(100, 1)), 100_000, fixed)).toBe(400);
});

test('bounds limit the computed timeout, the initial timeout and the rise to half the time of the call', () => {
  const low = { minMs: 5, maxMs: 100 };
  expect(msOf(new AttemptTimeout(), 1_000, low)).toBe(100);
  expect(msOf(timeoutOf(many(100, 5_000)), 1_000, low)).toBe(100);
  expect(msOf(timeoutOf(many(100, 1)), 1_000, low)).toBeLessThan(25);
  expect(msOf(timeoutOf(many(100, 1)), 1_000, low)).toBeGreaterThanOrEqual(3 + 10);
  const high = { minMs: 2_000, maxMs: 3_000 };
  expect(msOf(new AttemptTimeout(), 1_000, high)).toBe(2_000);
  expect(msOf(timeoutOf(many(10, 5_000)), 1_000, high)).toBe(3_000);
  expect(msOf(timeoutOf(many(100, 5_000)), 1_000, high, 60_000)).toBe(3_000);
  const minOnly = { minMs: 2_000, maxMs: undefined };
  expect(msOf(timeoutOf(many(10, 5_000)), 1_000, minOnly)).toBe(2_000);
  expect(msOf(timeoutOf(many(20, 5_000)), 1_000, minOnly)).toBe(5_000);
});

test('for random latencies the timeout matches the formula up to one bucket', () => {
  const latency = fc.oneof(
    fc.double({ min: 0.07, max: 5, noNaN: true }),
    fc.double({ min: 1, max: 2_000, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(latency, { minLength: 10, maxLength: 300 }), (latencies) => {
      const timeout = timeoutOf(latencies);
      // Enough fast samples to force an update.
      const rest = many(32, 0.07);
      for (const each of rest) timeout.record(each, 1_000);
      const sorted = [...latencies, ...rest].sort((a, b) => a - b);
      const above = Math.floor(sorted.length * 0.01);
      const p99 = sorted[sorted.length - 1 - above]!;
      const clamped = (ms: number): number => Math.min(5_000, Math.max(25, ms));
      expect(msOf(timeout)).toBeGreaterThanOrEqual(clamped(3 * p99 + 10) - 1e-9);
      expect(msOf(timeout)).toBeLessThanOrEqual(clamped(3 * p99 * 1.19 + 10) + 1e-9);
    }),
    { seed: 33, numRuns: 300 },
  );
});

test('fast responses after slow ones do not prevent an update', () => {
  const mixed = timeoutOf([...many(500, 1), ...many(20, 20), ...many(32, 1)]);
  expect(msOf(mixed)).toBeGreaterThan(3 * 20);
  // The fast latencies have expired, the slow ones have not: 0.5 % have become the majority.
  const rotated = timeoutOf(many(10_000, 1), 1_000);
  for (const latency of many(20, 20)) rotated.record(latency, 11_000);
  for (const latency of many(32, 1)) rotated.record(latency, 11_000);
  expect(msOf(rotated, 11_000)).toBe(25);
  rotated.record(1, 31_000);
  expect(msOf(rotated, 31_000)).toBeGreaterThan(3 * 20);
});

test('the timeout adapts to a service that has become slow', () => {
  const timeout = timeoutOf(many(500, 2));
  expect(msOf(timeout)).toBe(25);
  const random = seededRandom(5);
  let now = 2_000;
  let late = 0;
  // From now on each response takes 150 ± 30 ms. A late attempt continues, so its answer is recorded too.
  for (let i = 0; i < 200; i++) {
    now += 10;
    const takesMs = 120 + 60 * random();
    if (takesMs > msOf(timeout, now)) late++;
    timeout.record(takesMs, now);
  }
  expect(msOf(timeout, now)).toBeGreaterThan(3 * 150);
  expect(late).toBeLessThan(10);
});

test('latencies expire after 30 s, also without newer ones', () => {
  for (const stepMs of [1_000, 9_000, 10_000, 11_000]) {
    const timeout = timeoutOf(many(100, 300), 1_000);
    expect(msOf(timeout)).toBeGreaterThan(900);
    let now = 1_000;
    for (; now <= 32_000 + stepMs; now += stepMs) for (const each of many(10, 1)) timeout.record(each, now);
    expect(msOf(timeout, now)).toBe(25);
  }
  const idle = timeoutOf(many(100, 300), 1_000);
  for (const each of many(9, 1)) idle.record(each, 61_000);
  expect(msOf(idle, 61_000)).toBe(250);
  idle.record(1, 61_000);
  expect(msOf(idle, 61_000)).toBe(25);
});

test('after 30 s without a latency the timeout is 250 ms again', () => {
  const timeout = timeoutOf(many(100, 1), 1_000);
  expect(msOf(timeout, 1_000)).toBe(25);
  expect(msOf(timeout, 29_999)).toBe(25);
  expect(msOf(timeout, 31_000)).toBe(250);
  for (const each of many(10, 1)) timeout.record(each, 100_000);
  expect(msOf(timeout, 100_000)).toBe(25);
});

test('latencies younger than 20 s are kept', () => {
  const timeout = timeoutOf(many(100, 300), 1_000);
  for (let now = 2_000; now <= 20_999; now += 1_000) for (const each of many(5, 1)) timeout.record(each, now);
  expect(msOf(timeout, 20_999)).toBeGreaterThan(900);
});

test('256 pairs of method and route class have a timeout each, all further pairs share one', () => {
  const timeouts = new AttemptTimeouts();
  const fast = timeouts.forRoute('GET', 'orders');
  for (const each of many(100, 1)) fast.record(each, 1_000);
  expect(msOf(timeouts.forRoute('GET', 'orders'))).toBe(25);
  expect(msOf(timeouts.forRoute('POST', 'orders'))).toBe(250);
  expect(msOf(timeouts.forRoute('GET', 'stock'))).toBe(250);
  const classes = Array.from({ length: 1_000 }, (_, i) => timeouts.forRoute(`M${i % 7}`, `r${i}`));
  expect(new Set(classes).size).toBe(256 - 3 + 1);
  expect(timeouts.forRoute('GET', '__proto__')).toBe(timeouts.forRoute('__proto__', 'constructor'));
  expect(timeouts.forRoute('GET', '__proto__')).toBe(classes.at(-1));
  // A full table still finds the pairs that it has.
  expect(timeouts.forRoute('M0', 'r0')).toBe(classes[0]);
  expect(timeouts.forRoute('GET', 'orders')).toBe(fast);
});

test('the same route class of another method, and another class of the same method, have timeouts of their own in any order of use', () => {
  const timeouts = new AttemptTimeouts();
  const pairs = ['GET', 'POST'].flatMap((method) => ['a', 'b'].map((route) => [method, route] as const));
  const first = pairs.map(([method, route]) => timeouts.forRoute(method, route));
  expect(new Set(first).size).toBe(4);
  for (const [i, [method, route]] of [...pairs.entries(), ...[...pairs.entries()].reverse()])
    for (const _ of [1, 2]) expect(timeouts.forRoute(method, route)).toBe(first[i]);
});

test('slow answers on one route leave the timeout of another route as it is', () => {
  const timeouts = new AttemptTimeouts();
  for (const each of many(100, 2)) timeouts.forRoute('GET', 'orders').record(each, 1_000);
  for (const each of many(100, 600)) timeouts.forRoute('GET', 'report').record(each, 1_000);
  expect(msOf(timeouts.forRoute('GET', 'orders'))).toBe(25);
  expect(msOf(timeouts.forRoute('GET', 'report'))).toBeGreaterThan(1_800);
});

test('the median latency is known from ten latencies on, and is at least 4 ms', () => {
  expect(timeoutOf(many(9, 30)).medianMs).toBeUndefined();
  expect(timeoutOf(many(10, 1)).medianMs).toBe(4);
  const { medianMs } = timeoutOf([...many(60, 30), ...many(40, 600), ...many(32, 30)]);
  expect(medianMs).toBeGreaterThanOrEqual(30);
  expect(medianMs).toBeLessThanOrEqual(30 * 1.19);
});

test.each([1_500, 3_600, 12_000, 29_000])(
  'a slow route with one request in %s ms is learned from 20 answers, and from then on known',
  (intervalMs) => {
    const timeout = new AttemptTimeout();
    const timeouts: number[] = [];
    for (let i = 0, now = 1_000; i < 200; i++, now += intervalMs) {
      timeout.record(600, now);
      timeouts.push(msOf(timeout, now + intervalMs - 1));
    }
    expect(timeouts.slice(0, 9)).toEqual(many(9, 250));
    expect(Math.min(...timeouts.slice(19))).toBeGreaterThan(3 * 600);
  },
);

test('a rare route that becomes fast is learned from 30 answers', () => {
  const timeout = new AttemptTimeout();
  let now = 1_000;
  for (let i = 0; i < 100; i++, now += 4_000) timeout.record(600, now);
  for (let i = 0; i < 31; i++, now += 4_000) timeout.record(1, now);
  expect(msOf(timeout, now)).toBe(25);
});
