/** Three replicas in processes of their own under steady calls: kills, stops and restarts fail no call. */
import { expect, onTestFinished, test } from 'vitest';
import { createClerk, type Clerk } from 'binding-clerk';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';

async function replica(
  name: string,
  port = '0',
): Promise<{ readonly process: SpawnedProgram; readonly port: string }> {
  const process = spawnProgram('replica.mjs', [name, port]);
  return { process, port: await process.waitForLine('port') };
}

/** Calls 200 times per second until the test ends; counts responses by replica, and failures. */
function steadyCalls(clerk: Clerk) {
  const orders = clerk.bind('/shop/orders', { policy: 'random' });
  const responses = new Map<string, number>();
  const failures: unknown[] = [];
  const pending = new Set<Promise<void>>();
  let waiting: {
    readonly counts: ReadonlyMap<string, number>;
    readonly names: readonly string[];
    readonly resolve: () => void;
  }[] = [];
  const timer = setInterval(() => {
    const call = orders
      .json<{ name: string }>('/orders/7', { timeoutMs: 10_000 })
      .then(({ name }) => {
        responses.set(name, (responses.get(name) ?? 0) + 1);
        for (const { counts, names, resolve } of waiting)
          if (names.every((one) => (responses.get(one) ?? 0) >= (counts.get(one) ?? 0) + 20)) resolve();
      })
      .catch((error: unknown) => void failures.push(error))
      .finally(() => pending.delete(call));
    pending.add(call);
  }, 5);
  onTestFinished(() => clearInterval(timer));
  return {
    failures,
    /** Resolves when each of these replicas has responded twenty more times. */
    respondedBy: (...names: readonly string[]) =>
      new Promise<void>((resolve) => {
        waiting = [...waiting, { counts: new Map(responses), names, resolve }];
      }),
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
    },
  };
}

test('replicas are killed, stopped, continued and restarted: no call fails, and traffic returns', async () => {
  const [a, b, c] = [await replica('a'), await replica('b'), await replica('c')];
  const clerk = createClerk({
    registry: {
      '/shop/orders': [a, b, c].map(({ port }, i) => ({
        id: 'abc'.charAt(i),
        address: `http://127.0.0.1:${port}`,
      })),
    },
  });
  onTestFinished(() => clerk.destroy());
  const events: string[] = [];
  let onEvent = (): void => undefined;
  clerk.on('ejected', ({ endpoint }) => (events.push(`${endpoint} ejected`), onEvent()));
  clerk.on('revived', ({ endpoint }) => (events.push(`${endpoint} revived`), onEvent()));
  const waitForEvent = (event: string): Promise<void> =>
    new Promise((resolve) => {
      onEvent = () => {
        if (events.includes(event)) resolve();
      };
      onEvent();
    });
  const calls = steadyCalls(clerk);
  await calls.respondedBy('a', 'b', 'c');

  a.process.child.kill('SIGKILL');
  await waitForEvent('a ejected');
  await calls.respondedBy('b', 'c');

  b.process.child.kill('SIGSTOP');
  await waitForEvent('b ejected');
  await calls.respondedBy('c');

  b.process.child.kill('SIGCONT');
  await waitForEvent('b revived');
  await calls.respondedBy('b', 'c');

  await replica('a', a.port);
  await waitForEvent('a revived');
  await calls.respondedBy('a', 'b', 'c');

  await calls.stop();
  expect(calls.failures).toEqual([]);
  expect(events.filter((event) => event.startsWith('a'))).toEqual(['a ejected', 'a revived']);
});
