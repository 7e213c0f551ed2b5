import { expect, test } from 'vitest';
import { utilizationPenalty } from '../../src/health/endpoint-state.js';
import { TableHarness } from './table-harness.js';

const load = (utilization: number) => ({ utilization, callsPerSecond: 0, errorsPerSecond: 0 });

test('a report weighs little as long as there is room, much near the limit, and never more than so much', () => {
  expect(utilizationPenalty(0)).toBe(1);
  // Under 1.5 is the same load to load-aware.
  expect(utilizationPenalty(0.7)).toBeLessThan(1.5);
  expect(utilizationPenalty(0.8)).toBeGreaterThan(1.5);
  expect(utilizationPenalty(1)).toBe(5);
  expect(utilizationPenalty(1.25)).toBe(utilizationPenalty(100));
  for (let u = 0; u < 1.2; u += 0.05)
    expect(utilizationPenalty(u + 0.05)).toBeGreaterThan(utilizationPenalty(u));
});

/** Loads of an endpoint whose latency is 10 ms and that said so, over a second. */
function loads(utilization: number, seed = 3): number[] {
  const fleet = new TableHarness(['a'], seed);
  const member = fleet.member('a');
  fleet.table.responseReceived(member, 10, fleet.now);
  fleet.table.loadReported(member, load(utilization), fleet.now);
  return Array.from({ length: 100 }, (_, i) => {
    member.observe(10, fleet.now + 10 * i);
    return member.load(fleet.now + 10 * i);
  });
}

test('a part of it weighs at a time, another for each clerk, so that they do not turn away all at once', () => {
  const all = loads(0.95);
  const most = 10 * utilizationPenalty(0.95);
  expect(Math.min(...all)).toBeGreaterThanOrEqual(10);
  expect(Math.max(...all)).toBeLessThanOrEqual(most);
  expect(all.filter((one) => one > (10 + most) / 2).length).toBeGreaterThan(30);
  expect(all.filter((one) => one < (10 + most) / 2).length).toBeGreaterThan(30);
  const first = Array.from({ length: 20 }, (_, seed) => loads(0.95, seed)[0] ?? NaN);
  expect(new Set(first).size).toBe(20);
  expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan((most - 10) / 2);
});

test('nobody draws calls by calling itself idle', () => {
  expect(new Set(loads(0))).toEqual(new Set([10]));
});

test('a report is kept as it came, and weighs for 10 s', async () => {
  const fleet = new TableHarness(['a']);
  const member = fleet.member('a');
  fleet.table.loadReported(member, { utilization: 1, callsPerSecond: 20, errorsPerSecond: 3 }, fleet.now);
  const receivedAt = fleet.now;
  const report = { utilization: 1, callsPerSecond: 20, errorsPerSecond: 3, receivedAt };
  expect(member.loadReport).toEqual(report);
  fleet.table.responseReceived(member, 10, fleet.now);
  await fleet.runtime.advance(9_999);
  fleet.table.responseReceived(member, 10, fleet.now);
  expect(member.load(fleet.now)).toBeGreaterThan(10);
  await fleet.runtime.advance(1);
  fleet.table.responseReceived(member, 10, fleet.now);
  expect(member.load(fleet.now)).toBe(10);
  expect(member.loadReport).toEqual(report);
});

test('what a registry tells weighs by its age, and less than what was heard since', async () => {
  const fleet = new TableHarness(['a', 'b', 'c']);
  const told = new Map(['a', 'b', 'gone'].map((id) => [id, { ...load(0.9), ageMs: 5_000 }]));
  await fleet.runtime.advance(20_000);
  const [a, b] = [fleet.member('a'), fleet.member('b')];
  fleet.table.loadReported(a, load(0.3), fleet.now - 4_000);
  fleet.table.loadReported(b, load(0.3), fleet.now - 6_000);
  fleet.table.applyLoads(told, fleet.now);
  expect([a.loadReport?.utilization, b.loadReport?.utilization]).toEqual([0.3, 0.9]);
  expect(b.loadReport?.receivedAt).toBe(fleet.now - 5_000);
  expect(fleet.member('c').loadReport).toBeUndefined();
  await fleet.runtime.advance(4_000);
  fleet.table.applyLoads(told, fleet.now);
  expect(a.loadReport?.utilization).toBe(0.9);
});

test('what it said before it was in trouble is forgotten when it is well again, and what it says then is not', async () => {
  const fleet = new TableHarness(['a', 'b']);
  const member = fleet.member('a');
  fleet.table.loadReported(member, load(1), fleet.now);
  await fleet.fail('a', 'reset');
  expect(member.loadReport).toBeDefined();
  await fleet.respond('a');
  expect(member.loadReport).toBeUndefined();
  fleet.table.loadReported(member, load(0.5), fleet.now);
  expect(member.loadReport?.utilization).toBe(0.5);
});

test('a new instance at the same address has said nothing', () => {
  const fleet = new TableHarness(['a']);
  fleet.table.loadReported(fleet.member('a'), load(1), fleet.now);
  fleet.update({ id: 'a', epoch: 2 });
  expect(fleet.member('a').loadReport).toBeUndefined();
});

test('a newcomer that calls itself full waits most of the time until the others have calls in flight', () => {
  const fleet = new TableHarness(['known', 'new']);
  const [known, newcomer] = [fleet.member('known'), fleet.member('new')];
  fleet.table.responseReceived(known, 1, fleet.now);
  expect(newcomer.load(fleet.now)).toBeLessThan(known.load(fleet.now));
  fleet.table.applyLoads(new Map([['new', { ...load(1.25), ageMs: 0 }]]), fleet.now);
  let waits = 0;
  for (let i = 0; i < 100; i++) if (newcomer.load(fleet.now + 64 * i) > known.load(fleet.now)) waits++;
  expect(waits).toBeGreaterThan(60);
  expect(waits).toBeLessThan(100);
  known.pending = 15;
  expect(newcomer.load(fleet.now)).toBeLessThan(known.load(fleet.now));
});
