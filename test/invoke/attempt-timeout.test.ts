import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AttemptTimeout, AttemptTimeouts } from '../../src/invoke/attempt-timeout.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

function timeoutOf(latencies: readonly number[], now = 1_000): AttemptTimeout {
  const timeout = new AttemptTimeout();
  for (const latency of latencies) timeout.record(latency, now);
  return timeout;
}

const many = (count: number, latency: number): number[] => Array.from({ length: count }, () => latency);

test('the timeout is 250 ms while there are fewer than ten latencies', () => {
  expect(new AttemptTimeout().timeoutMs).toBe(250);
  expect(timeoutOf(many(9, 1)).timeoutMs).toBe(250);
  expect(timeoutOf(many(10, 1)).timeoutMs).not.toBe(250);
});

test('with ten latencies the timeout is three times the 99th percentile plus 10 ms, within 25 ms and 1 s', () => {
  expect(timeoutOf(many(100, 0.2)).timeoutMs).toBe(25);
  expect(timeoutOf(many(100, 0)).timeoutMs).toBe(25);
  expect(timeoutOf(many(100, 5_000)).timeoutMs).toBe(1_000);
  expect(timeoutOf(many(100, 1e12)).timeoutMs).toBe(1_000);
  // A bucket is at most 19 % wide.
  expect(timeoutOf(many(100, 30)).timeoutMs).toBeGreaterThan(3 * 30 + 10);
  expect(timeoutOf(many(100, 30)).timeoutMs).toBeLessThanOrEqual(3 * 30 * 1.19 + 10);
  // One in a hundred is beyond the percentile, two are not.
  expect(timeoutOf([...many(99, 1), 200]).timeoutMs).toBe(25);
  expect(timeoutOf([...many(98, 1), 200, 200]).timeoutMs).toBeGreaterThan(600);
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
      const clamped = (ms: number): number => Math.min(1_000, Math.max(25, ms));
      expect(timeout.timeoutMs).toBeGreaterThanOrEqual(clamped(3 * p99 + 10) - 1e-9);
      expect(timeout.timeoutMs).toBeLessThanOrEqual(clamped(3 * p99 * 1.19 + 10) + 1e-9);
    }),
    { seed: 33, numRuns: 300 },
  );
});

test('fast responses after slow ones do not prevent an update', () => {
  const mixed = timeoutOf([...many(500, 1), ...many(20, 20), ...many(32, 1)]);
  expect(mixed.timeoutMs).toBeGreaterThan(3 * 20);
  // The fast latencies have expired, the slow ones have not: 0.5 % have become the majority.
  const rotated = timeoutOf(many(10_000, 1), 1_000);
  for (const latency of many(20, 20)) rotated.record(latency, 11_000);
  for (const latency of many(32, 1)) rotated.record(latency, 11_000);
  expect(rotated.timeoutMs).toBe(25);
  rotated.record(1, 31_000);
  expect(rotated.timeoutMs).toBeGreaterThan(3 * 20);
});

test('the timeout adapts to a service that has become slow', () => {
  const timeout = timeoutOf(many(500, 2));
  expect(timeout.timeoutMs).toBe(25);
  const random = seededRandom(5);
  let now = 2_000;
  let failed = 0;
  // From now on each response takes 150 ± 30 ms, and every attempt ends at its timeout.
  for (let i = 0; i < 200; i++) {
    now += 10;
    const takesMs = 120 + 60 * random();
    if (takesMs > timeout.timeoutMs) failed++;
    timeout.record(Math.min(takesMs, timeout.timeoutMs), now);
  }
  expect(timeout.timeoutMs).toBeGreaterThan(3 * 150);
  expect(failed).toBeLessThan(30);
});

test('latencies expire after 30 s, also without newer ones', () => {
  for (const stepMs of [1_000, 9_000, 10_000, 11_000]) {
    const timeout = timeoutOf(many(100, 300), 1_000);
    expect(timeout.timeoutMs).toBeGreaterThan(900);
    for (let now = 1_000; now <= 32_000 + stepMs; now += stepMs)
      for (const each of many(10, 1)) timeout.record(each, now);
    expect(timeout.timeoutMs).toBe(25);
  }
  const idle = timeoutOf(many(100, 300), 1_000);
  for (const each of many(9, 1)) idle.record(each, 61_000);
  expect(idle.timeoutMs).toBe(250);
  idle.record(1, 61_000);
  expect(idle.timeoutMs).toBe(25);
});

test('after 30 s without a latency the timeout is 250 ms again', () => {
  const timeout = timeoutOf(many(100, 1), 1_000);
  expect(timeout.timeoutAt(1_000)).toBe(25);
  expect(timeout.timeoutAt(29_999)).toBe(25);
  expect(timeout.timeoutAt(31_000)).toBe(250);
  for (const each of many(10, 1)) timeout.record(each, 100_000);
  expect(timeout.timeoutAt(100_000)).toBe(25);
});

test('latencies younger than 20 s are kept', () => {
  const timeout = timeoutOf(many(100, 300), 1_000);
  for (let now = 2_000; now <= 20_999; now += 1_000) for (const each of many(5, 1)) timeout.record(each, now);
  expect(timeout.timeoutMs).toBeGreaterThan(900);
});

test('32 methods have their own timeout, the rest share one', () => {
  const timeouts = new AttemptTimeouts();
  for (const each of many(100, 1)) timeouts.forMethod('GET').record(each, 1_000);
  expect(timeouts.forMethod('GET').timeoutMs).toBe(25);
  expect(timeouts.forMethod('POST').timeoutMs).toBe(250);
  expect(timeouts.forMethod('GET')).toBe(timeouts.forMethod('GET'));
  const distinct = new Set(Array.from({ length: 1_000 }, (_, i) => timeouts.forMethod(`M${i}`)));
  expect(distinct.size).toBe(31);
  expect(timeouts.forMethod('__proto__')).toBe(timeouts.forMethod('constructor'));
});

test('a probe gets the timeout of the slowest method, and at least 250 ms', () => {
  const timeouts = new AttemptTimeouts();
  expect(timeouts.maxMs).toBe(250);
  for (const each of many(100, 1)) timeouts.forMethod('GET').record(each, 1_000);
  expect(timeouts.maxMs).toBe(250);
  for (const each of many(100, 400)) timeouts.forMethod('POST').record(each, 1_000);
  expect(timeouts.maxMs).toBe(1_000);
});
