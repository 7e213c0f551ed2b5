/** The explanation of the default policy states the shares that the calls have. In virtual time. */
import { expect, onTestFinished, test } from 'vitest';
import { memoryCluster } from 'binding-clerk/testing';

test('explain states tier, host, zone and share of each endpoint, and 1,000 calls have these shares', async () => {
  const { clerk, cluster, runtime } = memoryCluster(
    {
      '/shop/orders': [
        { id: 'here', host: 'h1', zone: 'z1' },
        { id: 'near', host: 'h2', zone: 'z1' },
        { id: 'far1', host: 'h3', zone: 'z2' },
        { id: 'far2', host: 'h4', zone: 'z2' },
      ],
    },
    { seed: 9, clerk: { host: 'h1', zone: 'z1' }, autoAdvance: false },
  );
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders');
  // The nearest endpoint is the slowest one, and has the worst score.
  cluster.delay('here', 30);
  const run = async (calls: number): Promise<void> => {
    for (let i = 0; i < calls; i++) {
      void orders.json('/');
      await runtime.advance(100);
    }
  };
  await run(200);
  const before = new Map(['here', 'near', 'far1', 'far2'].map((id) => [id, cluster.requests(id)]));
  const { candidates, policy } = orders.explain();
  await run(1_000);

  expect(policy).toBe('local-first');
  const notes = new Map(candidates.map(({ endpoint, policyNote }) => [endpoint.id, policyNote]));
  expect(notes.get('here')).toMatch(/^this host \(host h1, zone z1\), which gets \d+ % of the calls/);
  expect(notes.get('near')).toMatch(/^this zone \(host h2, zone z1\), which gets \d+ % of the calls/);
  expect(notes.get('far1')).toMatch(/^elsewhere \(host h3, zone z2\), which gets \d+ % of the calls/);
  const calls = (...ids: readonly string[]): number =>
    ids.reduce((sum, id) => sum + cluster.requests(id) - (before.get(id) ?? 0), 0);
  const stated = (id: string): number => Number(/gets (\d+) %/.exec(notes.get(id) ?? '')?.[1]);
  for (const ids of [['here'], ['near'], ['far1', 'far2']] as const)
    expect(Math.abs(calls(...ids) / 1_000 - stated(ids[0]) / 100), ids.join()).toBeLessThanOrEqual(0.05);
});

test('an endpoint of another version is excluded for its version alone, without a tier of the policy', async () => {
  const { clerk } = memoryCluster(
    {
      '/shop/orders': [
        { id: 'old', version: '1.0.0', host: 'h2' },
        { id: 'new', version: '2.0.0' },
      ],
    },
    { clerk: { host: 'h1' } },
  );
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders', { version: '^2' });
  await orders.json('/');
  const reasons = orders.explain().leftOut.map(({ endpoint, reason }) => `${endpoint.id}: ${reason}`);
  expect(reasons).toEqual(['old: version 1.0.0 does not satisfy ^2']);
});
