/** Services with hundreds of endpoints: which subset a clerk uses, and that calls are unaffected. */
import { affinity, random, type EndpointInit, type PolicyName } from 'binding-clerk';
import type { Candidate } from 'binding-clerk/extend';
import { memoryCluster, type MemoryInstance } from 'binding-clerk/testing';
import { expect, test } from 'vitest';

const fleet = (count: number, labels: Omit<EndpointInit, 'id'> = {}, prefix = 's'): MemoryInstance[] =>
  Array.from({ length: count }, (_, i) => ({ ...labels, id: `${prefix}${String(i)}` }));

/** A clerk and its binding, after one call. */
async function bindAndCall(
  instances: readonly MemoryInstance[],
  {
    seed = 1,
    ...options
  }: { seed?: number; policy?: PolicyName; subsetSize?: number; affinity?: string } = {},
) {
  const world = memoryCluster({ '/s': instances }, { seed, clerk: { host: 'here', zone: 'z' } });
  const binding = world.clerk.bind('/s', options);
  await binding.json('/');
  const ids = (): string[] => binding.explain().candidates.map(({ endpoint }) => endpoint.id);
  return { ...world, binding, ids };
}

test('of 300 endpoints a clerk uses 100, and explains why it does not use the others', async () => {
  const { binding, cluster, ids } = await bindAndCall(fleet(300), { policy: 'random' });
  expect(ids()).toHaveLength(100);
  const { leftOut } = binding.explain();
  expect(leftOut).toHaveLength(200);
  expect(new Set(leftOut.map(({ reason }) => reason))).toEqual(
    new Set(['not in the subset of 100 of 300 endpoints that this clerk uses']),
  );
  for (let i = 0; i < 500; i++) await binding.json('/');
  const called = fleet(300).filter(({ id }) => cluster.requests(id) > 0);
  expect(called.length).toBeGreaterThan(90);
  expect(ids()).toEqual(expect.arrayContaining(called.map(({ id }) => id)));
});

test('all of 100 endpoints are used, and more with a larger subsetSize', async () => {
  expect((await bindAndCall(fleet(100))).ids()).toHaveLength(100);
  expect((await bindAndCall(fleet(300), { subsetSize: 12 })).ids()).toHaveLength(12);
  expect((await bindAndCall(fleet(300), { subsetSize: 250 })).ids()).toHaveLength(250);
  expect((await bindAndCall(fleet(300), { subsetSize: Infinity })).ids()).toHaveLength(300);
});

test('clerks use different subsets; bindings of one clerk use the same, under every policy', async () => {
  const one = await bindAndCall(fleet(300), { seed: 1, policy: 'random' });
  const other = await bindAndCall(fleet(300), { seed: 2, policy: 'random' });
  const common = one.ids().filter((id) => other.ids().includes(id));
  expect(common.length).toBeGreaterThan(15);
  expect(common.length).toBeLessThan(55);
  for (const policy of ['round-robin', 'load-aware', 'least-pending', 'weighted', 'local-first'] as const) {
    const again = one.clerk.bind('/s', { policy });
    await again.json('/');
    expect(again.explain().candidates.map(({ endpoint }) => endpoint.id)).toEqual(one.ids());
  }
});

test('an ejected endpoint is replaced by the next one, and the others stay', async () => {
  const { binding, cluster, ids } = await bindAndCall(fleet(300), { policy: 'round-robin', subsetSize: 20 });
  const before = ids();
  for (const id of before.slice(0, 3)) cluster.kill(id);
  for (let i = 0; i < 40; i++) await binding.json('/');
  const after = ids();
  expect(after).toHaveLength(20);
  expect(after.filter((id) => before.includes(id))).toEqual(before.slice(3));
  const reasons = Object.fromEntries(binding.explain().leftOut.map((one) => [one.endpoint.id, one.reason]));
  for (const id of before.slice(0, 3)) expect(reasons[id]).toMatch(/^ejected, since/);
});

test('a failed call fails over within the subset while it has open endpoints', async () => {
  const { binding, cluster, ids } = await bindAndCall(fleet(200), { policy: 'random', subsetSize: 12 });
  const subset = ids();
  for (const id of subset) cluster.respond(id, 503);
  await binding.json('/').catch(() => undefined);
  const called = cluster
    .trace()
    .split(' ')
    .slice(1)
    .map((attempt) => attempt.split(':')[0] as string);
  expect(called.length).toBeGreaterThan(1);
  expect(subset).toEqual(expect.arrayContaining(called));
});

test('local-first takes a subset on the host, in the zone and elsewhere, and prefers near endpoints', async () => {
  const near = fleet(3, { host: 'here' }, 'h');
  const zone = fleet(40, { zone: 'z' }, 'z');
  const { binding, cluster, ids } = await bindAndCall([...fleet(400), ...near, ...zone], {
    policy: 'local-first',
    subsetSize: 30,
  });
  const [hosts, zones, others] = ['h', 'z', 's'].map((tier) => ids().filter((id) => id.startsWith(tier)));
  expect([hosts!.length, zones!.length, others!.length]).toEqual([3, 30, 30]);
  for (let i = 0; i < 50; i++) await binding.json('/');
  expect(near.reduce((sum, { id }) => sum + cluster.requests(id), 0)).toBe(51);
});

test('a zone of which a subset is used does not count as depleted, so no call spills over', async () => {
  const { binding, cluster } = await bindAndCall([
    ...fleet(20, {}, 'far'),
    ...fleet(300, { zone: 'z' }, 'z'),
  ]);
  for (let i = 0; i < 300; i++) await binding.json('/');
  expect(fleet(20, {}, 'far').reduce((sum, { id }) => sum + cluster.requests(id), 0)).toBe(0);
});

test('affinity, primary and policy functions use all endpoints', async () => {
  const homes = new Set<string>();
  for (const seed of [1, 2, 3]) {
    const { binding, ids, clerk } = await bindAndCall(fleet(300), {
      seed,
      policy: 'affinity',
      affinity: 'me',
    });
    expect(ids()).toHaveLength(300);
    homes.add((await binding.json<{ endpoint: string }>('/')).endpoint);
    const first = clerk.bind('/s', { policy: 'primary' });
    expect(await first.json('/')).toEqual({ endpoint: 's0' });
    let seen = 0;
    const all = (candidates: readonly Candidate[]): Candidate | undefined => {
      seen = candidates.length;
      return candidates[0];
    };
    await clerk.bind('/s', { policy: all }).json('/');
    expect(seen).toBe(300);
    const mine = clerk.bind('/s', { policy: affinity(), affinity: 'me' });
    homes.add((await mine.json<{ endpoint: string }>('/')).endpoint);
  }
  expect(homes.size).toBe(1);
});

test('a busy clerk doubles its subset step by step, and shrinks it when idle', async () => {
  const { binding, cluster, runtime, ids } = await bindAndCall(fleet(100), {
    policy: 'random',
    subsetSize: 12,
  });
  for (const { id } of fleet(100)) cluster.delay(id, 500);
  const burst = async (): Promise<void> => {
    // 'safe' lets a call fail over; an at-most-once call would wait for its deadline.
    const calls = Array.from({ length: 150 }, () => binding.json('/', { kind: 'once' }));
    await Promise.all(calls);
  };
  await burst();
  expect(ids()).toHaveLength(24);
  await runtime.advance(1_000);
  await burst();
  // No second growth within a second of the last one, however busy.
  await burst();
  await runtime.advance(1_000);
  const wide = ids().length;
  expect(wide).toBeGreaterThanOrEqual(24);
  await runtime.advance(300_000);
  const killed = ids()[0]!;
  cluster.kill(killed);
  for (let i = 0; i < 60; i++) await binding.json('/');
  expect(ids()).toHaveLength(12);
});

test('a service grows beyond the subset size and shrinks again', async () => {
  const { clerk } = memoryCluster({ '/s': fleet(101) }, { seed: 1 });
  const s = clerk.bind('/s', { policy: random() });
  await s.json('/');
  expect(s.explain().candidates).toHaveLength(100);
  expect(s.explain().leftOut).toHaveLength(1);
});
