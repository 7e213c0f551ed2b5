/** Three replicas in processes of their own, steady calls, and everything that happens to processes: nobody who calls notices. */
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

/** Calls two hundred times a second until the test ends, and keeps count of who answered and what failed. */
function steadyCalls(clerk: Clerk) {
  const orders = clerk.bind('/shop/orders', { policy: 'random' });
  const answers = new Map<string, number>();
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
        answers.set(name, (answers.get(name) ?? 0) + 1);
        for (const { counts, names, resolve } of waiting)
          if (names.every((one) => (answers.get(one) ?? 0) >= (counts.get(one) ?? 0) + 20)) resolve();
      })
      .catch((error: unknown) => void failures.push(error))
      .finally(() => pending.delete(call));
    pending.add(call);
  }, 5);
  onTestFinished(() => clearInterval(timer));
  return {
    failures,
    /** Resolves when each of these has answered twenty calls more. */
    answeredBy: (...names: readonly string[]) =>
      new Promise<void>((resolve) => {
        waiting = [...waiting, { counts: new Map(answers), names, resolve }];
      }),
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
    },
  };
}

test('killed, stopped, continued, restarted: no call fails, and traffic comes back', async () => {
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
  let heard = (): void => undefined;
  clerk.on('ejected', ({ endpoint }) => (events.push(`${endpoint} ejected`), heard()));
  clerk.on('revived', ({ endpoint }) => (events.push(`${endpoint} revived`), heard()));
  const happens = (event: string): Promise<void> =>
    new Promise((resolve) => {
      heard = () => {
        if (events.includes(event)) resolve();
      };
      heard();
    });
  const calls = steadyCalls(clerk);
  await calls.answeredBy('a', 'b', 'c');

  a.process.child.kill('SIGKILL');
  await happens('a ejected');
  await calls.answeredBy('b', 'c');

  b.process.child.kill('SIGSTOP');
  await happens('b ejected');
  await calls.answeredBy('c');

  b.process.child.kill('SIGCONT');
  await happens('b revived');
  await calls.answeredBy('b', 'c');

  await replica('a', a.port);
  await happens('a revived');
  await calls.answeredBy('a', 'b', 'c');

  await calls.stop();
  expect(calls.failures).toEqual([]);
  expect(events.filter((event) => event.startsWith('a'))).toEqual(['a ejected', 'a revived']);
});
