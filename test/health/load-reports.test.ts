import { expect, test } from 'vitest';
import { utilizationPenalty } from '../../src/health/peak-ewma-load.js';
import { TableHarness } from './table-harness.js';

const load = (utilization: number) => ({ utilization, callsPerSecond: 0, errorsPerSecond: 0 });

test('the utilization penalty is small below 0.7, steep near 1, and bounded', () => {
  expect(utilizationPenalty(0)).toBe(1);
  // load-aware treats loads within a factor of 1.5 as equal.
  expect(utilizationPenalty(0.7)).toBeLessThan(1.5);
  expect(utilizationPenalty(0.8)).toBeGreaterThan(1.5);
  expect(utilizationPenalty(1)).toBe(5);
  expect(utilizationPenalty(1.25)).toBe(utilizationPenalty(100));
  for (let u = 0; u < 1.2; u += 0.05)
    expect(utilizationPenalty(u + 0.05)).toBeGreaterThan(utilizationPenalty(u));
});

/** Loads over one second of an endpoint with a latency of 10 ms and this reported utilization. */
function loadsOverTime(utilization: number, seed = 3): number[] {
  const harness = new TableHarness(['a'], seed);
  const member = harness.member('a');
  harness.table.responseReceived(member, 10, harness.now);
  harness.table.loadReported(member, load(utilization), harness.now);
  return Array.from({ length: 100 }, (_, i) => {
    member.observe(10, harness.now + 10 * i);
    return member.load(harness.now + 10 * i);
  });
}

test('the penalty varies by slot and by clerk, so that clerks do not all avoid the endpoint at once', () => {
  const all = loadsOverTime(0.95);
  const max = 10 * utilizationPenalty(0.95);
  expect(Math.min(...all)).toBeGreaterThanOrEqual(10);
  expect(Math.max(...all)).toBeLessThanOrEqual(max);
  expect(all.filter((one) => one > (10 + max) / 2).length).toBeGreaterThan(30);
  expect(all.filter((one) => one < (10 + max) / 2).length).toBeGreaterThan(30);
  const first = Array.from({ length: 20 }, (_, seed) => loadsOverTime(0.95, seed)[0] ?? NaN);
  expect(new Set(first).size).toBe(20);
  expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan((max - 10) / 2);
});

test('a low utilization does not lower the load', () => {
  expect(new Set(loadsOverTime(0))).toEqual(new Set([10]));
});

test('a report is stored unchanged, and counts for 10 s', async () => {
  const harness = new TableHarness(['a']);
  const member = harness.member('a');
  harness.table.loadReported(member, { utilization: 1, callsPerSecond: 20, errorsPerSecond: 3 }, harness.now);
  const receivedAt = harness.now;
  const report = { utilization: 1, callsPerSecond: 20, errorsPerSecond: 3, receivedAt };
  expect(member.loadReport).toEqual(report);
  harness.table.responseReceived(member, 10, harness.now);
  await harness.runtime.advance(9_999);
  harness.table.responseReceived(member, 10, harness.now);
  expect(member.load(harness.now)).toBeGreaterThan(10);
  await harness.runtime.advance(1);
  harness.table.responseReceived(member, 10, harness.now);
  expect(member.load(harness.now)).toBe(10);
  expect(member.loadReport).toEqual(report);
});

test('a report from the registry counts by its age, and does not replace a newer one', async () => {
  const harness = new TableHarness(['a', 'b', 'c']);
  const loads = new Map(['a', 'b', 'gone'].map((id) => [id, { ...load(0.9), ageMs: 5_000 }]));
  await harness.runtime.advance(20_000);
  const [a, b] = [harness.member('a'), harness.member('b')];
  harness.table.loadReported(a, load(0.3), harness.now - 4_000);
  harness.table.loadReported(b, load(0.3), harness.now - 6_000);
  harness.table.applyLoads(loads, harness.now);
  expect([a.loadReport?.utilization, b.loadReport?.utilization]).toEqual([0.3, 0.9]);
  expect(b.loadReport?.receivedAt).toBe(harness.now - 5_000);
  expect(harness.member('c').loadReport).toBeUndefined();
  await harness.runtime.advance(4_000);
  harness.table.applyLoads(loads, harness.now);
  expect(a.loadReport?.utilization).toBe(0.9);
});

test('reports from before a recovery are dropped, later ones are kept', async () => {
  const harness = new TableHarness(['a', 'b']);
  const member = harness.member('a');
  harness.table.loadReported(member, load(1), harness.now);
  await harness.fail('a', 'refused');
  expect(member.loadReport).toBeDefined();
  await harness.respond('a');
  expect(member.loadReport).toBeUndefined();
  harness.table.loadReported(member, load(0.5), harness.now);
  expect(member.loadReport?.utilization).toBe(0.5);
});

test('a new instance at the same address has no report', () => {
  const harness = new TableHarness(['a']);
  harness.table.loadReported(harness.member('a'), load(1), harness.now);
  harness.update({ id: 'a', epoch: 2 });
  expect(harness.member('a').loadReport).toBeUndefined();
});

test('an unmeasured endpoint with a high utilization is mostly avoided until the others have calls in flight', () => {
  const harness = new TableHarness(['known', 'new']);
  const [known, newcomer] = [harness.member('known'), harness.member('new')];
  harness.table.responseReceived(known, 1, harness.now);
  expect(newcomer.load(harness.now)).toBeLessThan(known.load(harness.now));
  harness.table.applyLoads(new Map([['new', { ...load(1.25), ageMs: 0 }]]), harness.now);
  let waits = 0;
  for (let i = 0; i < 100; i++) if (newcomer.load(harness.now + 64 * i) > known.load(harness.now)) waits++;
  expect(waits).toBeGreaterThan(60);
  expect(waits).toBeLessThan(100);
  known.pending = 15;
  expect(newcomer.load(harness.now)).toBeLessThan(known.load(harness.now));
});
