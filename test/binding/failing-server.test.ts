/** One server answers 500 to calls and 200 to probes: each of its returns costs one failed call. In virtual time. */
import { expect, onTestFinished, test } from 'vitest';
import { memoryCluster } from 'binding-clerk/testing';

test.each(['round-robin', 'random', 'affinity', 'local-first'] as const)(
  '%s: a server that answers 500 to calls and 200 to OPTIONS fails at most 12 of 6,000 calls in its first minute, and 4 in the next',
  async (policy) => {
    const { clerk, cluster, runtime } = memoryCluster(
      { '/shop/orders': ['a', 'b', 'c'] },
      { seed: 6, autoAdvance: false },
    );
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders', { policy });
    let failed = 0;
    let count = 0;
    const run = async (seconds: number): Promise<number> => {
      failed = 0;
      for (let i = 0; i < seconds * 100; i++) {
        const affinity = policy === 'affinity' ? { affinity: `key ${String(count++ % 97)}` } : {};
        void orders.request({ path: '/', ...affinity }).then(
          ({ body, statusCode }) => {
            body.resume();
            if (statusCode >= 500) failed++;
          },
          () => failed++,
        );
        await runtime.advance(10);
      }
      return failed;
    };
    await run(5);
    cluster.respond('a', ({ isProbe }) => ({ statusCode: isProbe ? 200 : 500 }));

    // Five answers in a row eject. Stays of 1, 2, 4, 8, 16 and 30 s follow: one failed call after each.
    expect(await run(60)).toBeLessThanOrEqual(12);
    expect(await run(60)).toBeLessThanOrEqual(4);
  },
);
