/** Policies on the measured latencies and calls in flight of an endpoint table, in virtual time. */
import { expect, test } from 'vitest';
import type { PolicyName, Picker } from '../../src/core/policy.js';
import type { EndpointState } from '../../src/health/endpoint-state.js';
import { toPolicy } from '../../src/load-balancing/to-policy.js';
import { TableHarness, ids } from '../health/table-harness.js';

interface Fleet extends TableHarness {
  /** Picks an endpoint. */
  next(): EndpointState;
}

function fleet(policy: PolicyName, count: number, seed: number): Fleet {
  const harness = new TableHarness(ids(count), seed);
  const { members } = harness.table;
  const picker: Picker = toPolicy(policy).prepare({
    candidates: members,
    all: members,
    locality: { host: 'here', zone: undefined },
  });
  return Object.assign(harness, {
    next: () =>
      picker({
        now: harness.now,
        random: () => harness.runtime.random(),
        affinity: undefined,
      }) as EndpointState,
  });
}

test.each(['least-pending', 'load-aware', 'local-first'] as const)(
  '%s: sequential calls to endpoints of 10, 10.5 and 11 ms split evenly',
  async (policy) => {
    const harness = fleet(policy, 3, 4);
    await harness.runtime.advance(60_000);
    const counts = [0, 0, 0];
    for (let call = 0; call < 3_000; call++) {
      const i = Number(harness.next().endpoint.id.slice(1));
      counts[i]!++;
      await harness.respond(`e${String(i)}`, 10 + i / 2);
    }
    for (const count of counts) expect(Math.abs(count - 1_000), String(counts)).toBeLessThan(100);
  },
);

/** Of 1,000 sequential calls under `least-pending`, the calls of an endpoint that takes 10 ms beside one that takes `otherMs`. */
async function callsOfTheFaster(otherMs: number): Promise<number> {
  const harness = fleet('least-pending', 2, 4);
  await harness.runtime.advance(60_000);
  let faster = 0;
  for (let call = 0; call < 1_000; call++) {
    const { id } = harness.next().endpoint;
    if (id === 'e0') faster++;
    await harness.respond(id, id === 'e0' ? 10 : otherMs);
  }
  return faster;
}

test.each([10, 11, 11.5, 12])(
  'least-pending: sequential calls to endpoints of 10 and %d ms split evenly',
  async (otherMs) => {
    expect(Math.abs((await callsOfTheFaster(otherMs)) - 500)).toBeLessThan(60);
  },
);

test.each([
  [13, 800],
  [15, 900],
  [20, 900],
])(
  'least-pending: of endpoints of 10 and %d ms, the faster one gets most of the calls',
  async (otherMs, atLeast) => {
    expect(await callsOfTheFaster(otherMs)).toBeGreaterThan(atLeast);
  },
);

test.each(['local-first', 'load-aware', 'least-pending', 'round-robin'] as const)(
  '%s: 200 held WebSockets spread evenly over two equal endpoints on a loaded machine',
  async (policy) => {
    for (let seed = 1; seed <= 10; seed++) {
      const harness = fleet(policy, 2, seed);
      await harness.runtime.advance(60_000);
      for (let call = 0; call < 20; call++) await harness.respond(harness.next().endpoint.id, 4);
      const held = [0, 0];
      for (let socket = 0; socket < 200; socket++) {
        const member = harness.next();
        harness.table.attemptStarted(member);
        // Most upgrades take a few ms, some wait for the processor.
        const latencyMs = harness.runtime.random() < 0.1 ? 20 + 80 * harness.runtime.random() : 3;
        await harness.runtime.advance(latencyMs);
        harness.table.responseReceived(member, undefined, harness.now);
        harness.table.attemptHeld(member);
        held[Number(member.endpoint.id.slice(1))]!++;
      }
      for (const count of held) expect(Math.abs(count - 100), String(held)).toBeLessThanOrEqual(10);
    }
  },
);

test.each(['local-first', 'load-aware'] as const)(
  '%s: 200 event streams spread almost evenly, although one endpoint answers 2.7 times as slowly',
  async (policy) => {
    for (let seed = 1; seed <= 10; seed++) {
      const harness = fleet(policy, 2, seed);
      await harness.runtime.advance(60_000);
      const held = [0, 0];
      for (let stream = 0; stream < 200; stream++) {
        const member = harness.next();
        const startedAt = harness.now;
        harness.table.attemptStarted(member);
        await harness.runtime.advance(member.endpoint.id === 'e0' ? 3 : 8);
        harness.table.responseReceived(member, harness.now - startedAt, harness.now);
        harness.table.attemptHeld(member);
        held[Number(member.endpoint.id.slice(1))]!++;
      }
      for (const count of held) expect(Math.abs(count - 100), String(held)).toBeLessThanOrEqual(20);
    }
  },
);

test('load-aware: a slow endpoint that holds fewer attempts does not attract the calls', async () => {
  const harness = fleet('load-aware', 2, 1);
  await harness.runtime.advance(60_000);
  const [fast, slow] = [harness.member('e0'), harness.member('e1')];
  for (const [member, held] of [
    [fast, 100],
    [slow, 90],
  ] as const)
    for (let i = 0; i < held; i++) {
      harness.table.attemptStarted(member);
      harness.table.attemptHeld(member);
    }
  await harness.respond('e0', 2);
  // The first measured latency is capped.
  for (let i = 0; i < 2; i++) await harness.respond('e1', 200);
  for (let call = 0; call < 50; call++) expect(harness.next()).toBe(fast);
});

test('attempts count as held from the response to their end', async () => {
  const harness = fleet('load-aware', 2, 1);
  const member = harness.member('e0');
  const one = harness.call('e0');
  harness.call('e0');
  expect(member).toMatchObject({ pending: 2, held: 0 });
  harness.table.attemptHeld(member);
  expect(member).toMatchObject({ pending: 2, held: 1 });
  harness.table.attemptEnded(member, true);
  expect(member).toMatchObject({ pending: 1, held: 0 });
  one.abort();
  expect(member).toMatchObject({ pending: 0, held: 0 });
});
