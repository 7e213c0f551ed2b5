import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EndpointState } from '../../src/health/endpoint-state.js';
import { SuccessWindow } from '../../src/health/success-window.js';
import { endpoint, FakeChannel } from '../support/endpoints.js';

function member(): EndpointState {
  const one = endpoint('a');
  return new EndpointState(one, { channel: new FakeChannel(one), tlsChannel: undefined });
}

test('a latency above the average replaces it at once, one below is blended in', () => {
  const one = member();
  one.observe(10, 1_000);
  expect(one.latencyMs).toBe(10);
  one.observe(80, 1_000);
  expect(one.latencyMs).toBe(80);
  // After a mean lifetime the new one has 1 - 1/e of the weight.
  one.observe(10, 2_500);
  expect(one.latencyMs).toBeCloseTo(10 * (1 - 1 / Math.E) + 80 / Math.E, 2);
});

test('a latency above the decayed average replaces it', () => {
  const one = member();
  one.observe(100, 1_000);
  one.observe(40, 11_000);
  expect(one.latencyMs).toBe(40);
});

test('observeAtLeast raises the average and never lowers it', () => {
  const one = member();
  one.observeAtLeast(5, 1_000);
  expect(one.latencyMs).toBe(5);
  one.observe(10, 1_000);
  one.observeAtLeast(8, 1_000);
  expect(one.latencyMs).toBe(10);
  one.observeAtLeast(100, 1_000);
  expect(one.latencyMs).toBe(100);
});

test('load is latency times calls in flight plus one', () => {
  const one = member();
  one.observe(10, 1_000);
  expect(one.load(1_000)).toBe(10);
  one.pending = 3;
  expect(one.load(1_000)).toBe(40);
});

test('latencies below 2 ms count as 2 ms', () => {
  const [fast, faster] = [member(), member()];
  fast.observe(1.5, 1_000);
  faster.observe(0.1, 1_000);
  expect(fast.load(1_000)).toBe(2);
  expect(faster.load(1_000)).toBe(2);
});

test('load decays without calls, so that a slow endpoint is tried again', () => {
  const [slow, fast] = [member(), member()];
  slow.observe(200, 1_000);
  fast.observe(20, 1_000);
  expect(slow.load(1_000)).toBeGreaterThan(fast.load(1_000));
  let at = 1_000;
  while (slow.load(at) >= 20 && at < 100_000) at += 10;
  // 1.5 s mean lifetime: a factor of ten takes ln 10 of them.
  expect((at - 1_000) / 1_500).toBeCloseTo(Math.log(10), 1);
});

test('an unmeasured endpoint gets one call, and the next after its response', () => {
  const [known, unknown] = [member(), member()];
  known.observe(900, 1_000);
  known.pending = 500;
  expect(unknown.load(1_000)).toBeLessThan(known.load(1_000));
  unknown.pending = 1;
  expect(unknown.load(1_000)).toBeGreaterThan(known.load(1_000));
});

test('a failure counts as twenty times the latency, and decays within seconds', () => {
  const one = member();
  one.observe(10, 1_000);
  one.penalize(1_000);
  expect(one.load(1_000)).toBe(210);
  one.penalize(1_000);
  expect(one.load(1_000)).toBe(410);
  expect(one.load(3_000)).toBeCloseTo(10 * Math.exp(-2 / 1.5) * (1 + 40 / Math.E), 6);
  expect(one.load(15_000)).toBeLessThan(10);
});

test('load is finite and grows with calls in flight, after any measurements', () => {
  const event = fc.record({
    afterMs: fc.nat(20_000),
    latencyMs: fc.double({ min: 0.001, max: 60_000, noNaN: true }),
    fails: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 50 }), (events) => {
      const one = member();
      let now = 1_000;
      for (const { afterMs, latencyMs, fails } of events) {
        now += afterMs;
        if (fails) one.penalize(now);
        else one.observe(latencyMs, now);
        one.pending = 0;
        const idle = one.load(now);
        one.pending = 1;
        expect(idle).toBeGreaterThanOrEqual(0);
        expect(one.load(now)).toBeGreaterThan(idle);
        expect(one.load(now)).toBeLessThan(Infinity);
        expect(one.load(now + 1_000)).toBeLessThanOrEqual(one.load(now));
      }
      const max = Math.max(0, ...events.filter(({ fails }) => !fails).map(({ latencyMs }) => latencyMs));
      expect(one.latencyMs).toBeLessThanOrEqual(max + 0.001); // stored in whole µs
    }),
    { seed: 41, numRuns: 300 },
  );
});

test('responses count for 25 to 30 s', () => {
  const one = new SuccessWindow();
  one.count(true, 2_000);
  for (let i = 0; i < 3; i++) one.count(false, 3_000);
  expect(one.at(3_000)).toEqual({ total: 4, successRate: 0.25 });
  one.count(true, 29_999);
  expect(one.at(29_999)).toEqual({ total: 5, successRate: 0.4 });
  one.count(true, 30_000);
  expect(one.at(30_000)).toEqual({ total: 2, successRate: 1 });
  one.count(false, 3_000_000);
  expect(one.at(3_000_000)).toEqual({ total: 1, successRate: 0 });
});

test('the success rate without responses is 1', () => {
  expect(new SuccessWindow().at(1_000)).toEqual({ total: 0, successRate: 1 });
});

test('recover clears failures and sets the given latency', () => {
  const one = member();
  one.observe(5_000, 1_000);
  one.penalize(1_000);
  one.successRate.count(false, 1_000);
  one.consecutiveDialFailures = 3;
  one.nextDialAt = 9_000;
  one.consecutiveFailures = 4;
  one.unhealthySince = 1_000;
  one.recover(20, 2_000);
  expect(one.load(2_000)).toBe(20);
  expect(one.successRate.at(2_000)).toEqual({ total: 0, successRate: 1 });
  expect(one).toMatchObject({
    consecutiveDialFailures: 0,
    nextDialAt: 0,
    consecutiveFailures: 0,
    unhealthySince: 0,
  });
});
