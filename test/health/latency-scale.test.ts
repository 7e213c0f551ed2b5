import { expect, test } from 'vitest';
import { LatencyScale } from '../../src/health/latency-scale.js';
import { TableHarness, ids } from './table-harness.js';

test('a slow route that is slow everywhere does not make its endpoint look slow', () => {
  const harness = new TableHarness(ids(2));
  const [one, other] = [harness.member('e0'), harness.member('e1')];
  for (let i = 0; i < 200; i++)
    for (const member of [one, other]) {
      harness.table.attemptStarted(member);
      harness.table.responseReceived(member, 5, harness.now, 5);
      harness.table.attemptEnded(member, false);
    }
  harness.table.attemptStarted(one);
  harness.table.responseReceived(one, 600, harness.now, 600);
  harness.table.attemptEnded(one, false);
  expect(one.load(harness.now)).toBeLessThan(1.2 * other.load(harness.now));
  // An answer twice as slow as is usual on the route counts as twice as slow.
  harness.table.attemptStarted(one);
  harness.table.responseReceived(one, 1_200, harness.now, 600);
  harness.table.attemptEnded(one, false);
  expect(one.load(harness.now) / other.load(harness.now)).toBeCloseTo(2, 0);
});

test('a cancelled attempt counts as at least as long as is usual on its route', () => {
  const harness = new TableHarness(ids(2));
  const one = harness.member('e0');
  for (let i = 0; i < 100; i++) harness.table.responseReceived(one, 5, harness.now, 5);
  harness.table.attemptAbandoned(one, 300, harness.now, 600);
  expect(one.latencyMs).toBe(5);
  harness.table.attemptAbandoned(one, 300, harness.now, 5);
  expect(one.latencyMs).toBeCloseTo(300, 0);
});

test('the common latency follows the routes of most calls, and a rare slow route moves it little', () => {
  const scale = new LatencyScale();
  for (let i = 0; i < 1_000; i++) scale.toCommon(1, i % 100 === 0 ? 600 : 4);
  expect(scale.toCommon(4, 4)).toBeGreaterThan(3.9);
  expect(scale.toCommon(4, 4)).toBeLessThan(4.2);
  for (let i = 0; i < 1_000; i++) scale.toCommon(1, i % 100 === 0 ? 4 : 40);
  expect(scale.toCommon(40, 40)).toBeGreaterThan(38);
});

test('a latency on a route without a known usual latency is taken as it is', () => {
  const scale = new LatencyScale();
  scale.toCommon(4, 4);
  expect(scale.toCommon(600, undefined)).toBe(600);
  expect(scale.toCommon(600, 0)).toBe(600);
});
