/** Slow start of new and recovered endpoints: how soon they get their share of the calls. */
import { createClerk, type PolicyName } from 'binding-clerk';
import type { Resolution } from 'binding-clerk/extend';
import {
  createFakeRuntime,
  createMemoryNetwork,
  memoryCluster,
  type MemoryWorld,
} from 'binding-clerk/testing';
import { expect, test } from 'vitest';

const policies = [undefined, 'load-aware', 'random', 'weighted', 'round-robin', 'least-pending'] as const;

/** Makes calls at a fixed rate and counts them by endpoint. */
async function countCalls(
  { clerk, runtime }: Pick<MemoryWorld, 'clerk' | 'runtime'>,
  policy: PolicyName | undefined,
  ms: number,
): Promise<Record<string, number>> {
  const binding = clerk.bind('/s', policy && { policy });
  const counts: Record<string, number> = {};
  const calls: Promise<void>[] = [];
  for (let passed = 0; passed < ms; passed += 5) {
    calls.push(
      binding.json<{ endpoint: string }>('/').then(({ endpoint }) => {
        counts[endpoint] = (counts[endpoint] ?? 0) + 1;
      }),
    );
    await runtime.advance(5);
  }
  await Promise.all(calls);
  return counts;
}

const shareOfCalls = (counts: Record<string, number>, id: string): number =>
  (counts[id] ?? 0) / Object.values(counts).reduce((sum, count) => sum + count, 0);

test.each(policies)(
  '%s: a recovered endpoint of three has its fair share again within 3 s',
  async (policy) => {
    for (const fault of ['kill', 'pause'] as const) {
      const world = memoryCluster({ '/s': ['a', 'b', 'c'] }, { seed: 3, autoAdvance: false });
      // One binding would do as well, since bindings of one name share the state of endpoints.
      await countCalls(world, policy, 40_000);
      world.cluster[fault]('c');
      expect(shareOfCalls(await countCalls(world, policy, 3_000), 'c')).toBeLessThan(0.02);
      if (fault === 'kill') world.cluster.accept('c');
      else world.cluster.resume('c');
      await countCalls(world, policy, 2_000);
      const counts = await countCalls(world, policy, 1_000);
      expect(shareOfCalls(counts, 'c'), JSON.stringify(counts)).toBeGreaterThan(0.8 / 3);
      await world.clerk.destroy();
    }
  },
);

test.each(policies)(
  '%s: a new endpoint gets a small share first, and its full share after 30 s',
  async (policy) => {
    const runtime = createFakeRuntime({ seed: 5 });
    const network = createMemoryNetwork(runtime, { latencyMs: 0.5 });
    runtime.transport = network.transport;
    const addresses = ['a', 'b', 'c'].map((id) => `http://${id}` as const);
    for (const address of addresses)
      network.server(address).handler = () => ({ body: JSON.stringify({ endpoint: address.slice(7) }) });
    let running = 2;
    const clerk = createClerk({
      runtime,
      registry: {
        resolve: async (): Promise<Resolution> => ({
          kind: 'bound',
          endpoints: addresses.slice(0, running).map((address) => ({ id: address.slice(7), address })),
          ttlMs: 500,
        }),
      },
    });
    const world = { clerk, runtime };
    await countCalls(world, policy, 1_000);
    await runtime.advance(60_000);
    await countCalls(world, policy, 1_000);
    running = 3;
    await countCalls(world, policy, 1_000);
    const first = shareOfCalls(await countCalls(world, policy, 2_000), 'c');
    expect(first).toBeGreaterThan(0.01);
    expect(first).toBeLessThan(0.12);
    await countCalls(world, policy, 30_000);
    const counts = await countCalls(world, policy, 4_000);
    expect(shareOfCalls(counts, 'c'), JSON.stringify(counts)).toBeGreaterThan(0.25);
    await clerk.destroy();
  },
);

test.each(policies)('%s: the endpoints of the first resolution have no slow start', async (policy) => {
  const world = memoryCluster({ '/s': ['a', 'b'] }, { seed: 7, autoAdvance: false });
  const counts = await countCalls(world, policy, 2_000);
  expect(shareOfCalls(counts, 'a'), JSON.stringify(counts)).toBeGreaterThan(0.35);
  expect(shareOfCalls(counts, 'b'), JSON.stringify(counts)).toBeGreaterThan(0.35);
  await world.clerk.destroy();
});
