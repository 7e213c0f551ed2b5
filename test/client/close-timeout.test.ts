/** How long close() waits without the option `closeTimeoutMs`. In virtual time. */
import { memoryCluster } from 'binding-clerk/testing';
import { expect, test } from 'vitest';

test('by default close() waits 30 s for a body that the program never reads, then destroys it and warns', async () => {
  const warnings: string[] = [];
  const ignore = (): void => undefined;
  const logger = { debug: ignore, info: ignore, error: ignore, warn: (text: string) => warnings.push(text) };
  const { clerk, cluster, runtime } = memoryCluster(
    { '/shop/orders': ['a'] },
    { seed: 1, clerk: { logger }, autoAdvance: false },
  );
  cluster.respond('a', () => ({ body: 'x'.repeat(100_000), bodyDelayMs: 3_600_000 }));
  const called = clerk.bind('/shop/orders').request({ path: '/' });
  await runtime.advance(100);
  const { body } = await called;
  body.on('error', ignore);
  let isClosed = false;
  const closed = clerk.close().then(() => (isClosed = true));

  await runtime.advance(29_900);
  expect([isClosed, warnings]).toEqual([false, []]);
  await runtime.advance(200);
  await closed;

  expect(warnings).toEqual([expect.stringContaining('waited 30000 ms')]);
  expect(body.destroyed).toBe(true);
});
