/** Servers that are killed again and again: no call fails, and none takes longer than 40 ms. In virtual time. */
import { expect, onTestFinished, test } from 'vitest';
import { memoryCluster } from 'binding-clerk/testing';

test.each([
  [200, 'local-first'],
  [200, 'round-robin'],
  [10, 'local-first'],
  [10, 'round-robin'],
] as const)(
  'twenty kills of one of three servers at %i calls/s under %s fail no call, and none takes over 40 ms',
  async (perSecond, policy) => {
    const ids = ['a', 'b', 'c'];
    const { clerk, cluster, runtime } = memoryCluster(
      { '/shop/orders': ids },
      { seed: 7, autoAdvance: false },
    );
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders', { policy });
    const ms: number[] = [];
    const failures: string[] = [];
    const run = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds * perSecond; i++) {
        const startedAt = runtime.now();
        void orders.json('/').then(
          () => ms.push(runtime.now() - startedAt),
          (error: unknown) => failures.push((error as { code: string }).code),
        );
        await runtime.advance(1_000 / perSecond);
      }
    };
    for (const id of ids) cluster.delay(id, 3);
    await run(4);
    for (let kill = 0; kill < 20; kill++) {
      const id = ids[kill % 3] as string;
      // In the middle of the calls of a burst, some of which are in flight.
      const burst = Array.from({ length: 9 }, () => orders.json('/'));
      await runtime.advance(2);
      cluster.kill(id);
      await run(3);
      cluster.accept(id);
      await run(4);
      for (const result of await Promise.allSettled(burst)) expect(result.status).toBe('fulfilled');
    }
    await runtime.advance(5_000);
    expect(failures).toEqual([]);
    expect(Math.max(...ms)).toBeLessThanOrEqual(40);
  },
);
