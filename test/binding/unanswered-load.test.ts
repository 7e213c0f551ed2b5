/** An endpoint that answers nothing attracts no calls, although it looks idle. In virtual time. */
import { expect, onTestFinished, test } from 'vitest';
import { memoryCluster } from 'binding-clerk/testing';

async function callsTo(policy: 'local-first' | 'load-aware' | 'least-pending' | 'random', warm: boolean) {
  const { clerk, cluster, runtime } = memoryCluster(
    { '/shop/orders': ['bad', 'good'] },
    { seed: 4, autoAdvance: false },
  );
  onTestFinished(() => clerk.destroy());
  let isBad = !warm;
  const received = { bad: 0, good: 0 };
  cluster.respond('bad', ({ isProbe }) => {
    if (isProbe) return {};
    received.bad++;
    return isBad ? { behavior: 'hang' } : {};
  });
  cluster.respond('good', ({ isProbe }) => {
    if (!isProbe) received.good++;
    return {};
  });
  const orders = clerk.bind('/shop/orders', { policy });
  let failed = 0;
  const call = async (): Promise<void> => {
    orders.json('/', { timeoutMs: 60 }).catch(() => failed++);
    await runtime.advance(70);
  };
  if (warm) for (let i = 0; i < 50; i++) await call();
  isBad = true;
  received.bad = received.good = failed = 0;
  for (let i = 0; i < 200; i++) await call();
  return { ...received, failed };
}

test.each([
  ['local-first', false],
  ['local-first', true],
  ['load-aware', false],
  ['least-pending', false],
  ['least-pending', true],
] as const)(
  '%s: an endpoint that hangs gets few of the calls whose deadline is below the attempt timeout (warm: %s)',
  async (policy, warm) => {
    const { bad, failed } = await callsTo(policy, warm);
    expect(bad).toBeLessThan(20);
    expect(failed).toBeLessThan(20);
  },
);
