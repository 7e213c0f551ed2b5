import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AttemptTimeouts, AttemptTimeout } from '../../src/invoke/attempt-timeout.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

function timeoutOf(latencies: readonly number[], now = 1_000): AttemptTimeout {
  const window = new AttemptTimeout();
  for (const latency of latencies) window.record(latency, now);
  return window;
}

const many = (count: number, latency: number): number[] => Array.from({ length: count }, () => latency);

test('an attempt may take 250 ms while fewer than ten answers are known', () => {
  expect(new AttemptTimeout().timeoutMs).toBe(250);
  expect(timeoutOf(many(9, 1)).timeoutMs).toBe(250);
  expect(timeoutOf(many(10, 1)).timeoutMs).not.toBe(250);
});

test('then three times the 99th percentile and 10 ms, within 25 ms and 1 s', () => {
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

test('whatever was measured, the limit is the formula of it, a bucket at most too long', () => {
  const latency = fc.oneof(
    fc.double({ min: 0.07, max: 5, noNaN: true }),
    fc.double({ min: 1, max: 2_000, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(latency, { minLength: 10, maxLength: 300 }), (latencies) => {
      const window = timeoutOf(latencies);
      // As many more as it takes to be counted anew for certain, of the least.
      const rest = many(32, 0.07);
      for (const each of rest) window.record(each, 1_000);
      const sorted = [...latencies, ...rest].sort((a, b) => a - b);
      const above = Math.floor(sorted.length * 0.01);
      const p99 = sorted[sorted.length - 1 - above]!;
      const clamped = (ms: number): number => Math.min(1_000, Math.max(25, ms));
      expect(window.timeoutMs).toBeGreaterThanOrEqual(clamped(3 * p99 + 10) - 1e-9);
      expect(window.timeoutMs).toBeLessThanOrEqual(clamped(3 * p99 * 1.19 + 10) + 1e-9);
    }),
    { seed: 33, numRuns: 300 },
  );
});

test('fast answers after slow ones do not keep the limit from being computed', () => {
  const mixed = timeoutOf([...many(500, 1), ...many(20, 20), ...many(32, 1)]);
  expect(mixed.timeoutMs).toBeGreaterThan(3 * 20);
  // What was fast is forgotten, what was slow is not yet: half a percent has become most.
  const turned = timeoutOf(many(10_000, 1), 1_000);
  for (const latency of many(20, 20)) turned.record(latency, 11_000);
  for (const latency of many(32, 1)) turned.record(latency, 11_000);
  expect(turned.timeoutMs).toBe(25);
  turned.record(1, 31_000);
  expect(turned.timeoutMs).toBeGreaterThan(3 * 20);
});

test('a service that has become slow is waited for longer and longer, and not stormed for ever', () => {
  const window = timeoutOf(many(500, 2));
  expect(window.timeoutMs).toBe(25);
  const random = seededRandom(5);
  let now = 2_000;
  let failed = 0;
  // From now on each answer takes 150 ± 30 ms, and every attempt is given up at its limit.
  for (let i = 0; i < 200; i++) {
    now += 10;
    const takesMs = 120 + 60 * random();
    if (takesMs > window.timeoutMs) failed++;
    window.record(Math.min(takesMs, window.timeoutMs), now);
  }
  expect(window.timeoutMs).toBeGreaterThan(3 * 150);
  expect(failed).toBeLessThan(30);
});

test('what is older than 30 s is forgotten, also when nothing came in between', () => {
  for (const stepMs of [1_000, 9_000, 10_000, 11_000]) {
    const window = timeoutOf(many(100, 300), 1_000);
    expect(window.timeoutMs).toBeGreaterThan(900);
    for (let now = 1_000; now <= 32_000 + stepMs; now += stepMs)
      for (const each of many(10, 1)) window.record(each, now);
    expect(window.timeoutMs).toBe(25);
  }
  const idle = timeoutOf(many(100, 300), 1_000);
  for (const each of many(9, 1)) idle.record(each, 61_000);
  expect(idle.timeoutMs).toBe(250);
  idle.record(1, 61_000);
  expect(idle.timeoutMs).toBe(25);
});

test('after half a minute without an answer it is as if nothing were known', () => {
  const window = timeoutOf(many(100, 1), 1_000);
  expect(window.timeoutAt(1_000)).toBe(25);
  expect(window.timeoutAt(29_999)).toBe(25);
  expect(window.timeoutAt(31_000)).toBe(250);
  for (const each of many(10, 1)) window.record(each, 100_000);
  expect(window.timeoutAt(100_000)).toBe(25);
});

test('what is younger than 20 s is remembered', () => {
  const window = timeoutOf(many(100, 300), 1_000);
  for (let now = 2_000; now <= 20_999; now += 1_000) for (const each of many(5, 1)) window.record(each, now);
  expect(window.timeoutMs).toBeGreaterThan(900);
});

test('methods are known apart, 32 of them, and the rest together', () => {
  const limits = new AttemptTimeouts();
  for (const each of many(100, 1)) limits.forMethod('GET').record(each, 1_000);
  expect(limits.forMethod('GET').timeoutMs).toBe(25);
  expect(limits.forMethod('POST').timeoutMs).toBe(250);
  expect(limits.forMethod('GET')).toBe(limits.forMethod('GET'));
  const windows = new Set(Array.from({ length: 1_000 }, (_, i) => limits.forMethod(`M${i}`)));
  expect(windows.size).toBe(31);
  expect(limits.forMethod('__proto__')).toBe(limits.forMethod('constructor'));
});

test('a sign of life is given as long as the slowest method, and 250 ms at least', () => {
  const limits = new AttemptTimeouts();
  expect(limits.maxMs).toBe(250);
  for (const each of many(100, 1)) limits.forMethod('GET').record(each, 1_000);
  expect(limits.maxMs).toBe(250);
  for (const each of many(100, 400)) limits.forMethod('POST').record(each, 1_000);
  expect(limits.maxMs).toBe(1_000);
});
