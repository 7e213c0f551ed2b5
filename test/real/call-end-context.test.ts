/** A call ends in its own async context, even when a shared timer or signal ends several calls. @see [C9.3](../../docs/guarantees.md#c9-3) */
import { AsyncLocalStorage } from 'node:async_hooks';
import { PassThrough } from 'node:stream';
import { createClerk } from 'binding-clerk';
import { expect, onTestFinished, test, vi } from 'vitest';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

const requestId = new AsyncLocalStorage<string>();
const here = (): string => requestId.getStore() ?? 'none';
const ids = ['one', 'two', 'three'];

test.each(['once', 'safe'] as const)(
  'when the deadlines of calls of kind %s pass, the abort listeners of each run in the context of that call',
  async (kind) => {
    const clerk = createClerk({ registry: { '/s': ['tcp://127.0.0.1:1', 'tcp://127.0.0.1:2'] } });
    onTestFinished(() => clerk.destroy());
    const s = clerk.bind('/s', { retries: false });
    // After the first call, the endpoints are known, so each function runs at once.
    await s.call(() => undefined);
    const seen: string[] = [];
    const run = (id: string, timeoutMs: number): Promise<unknown> =>
      requestId.run(id, () =>
        s
          .call(
            (_endpoint, { signal }) =>
              new Promise<never>(() => {
                signal.addEventListener('abort', () => seen.push(`${id} in ${here()}`));
              }),
            { timeoutMs, kind },
          )
          .catch(() => undefined),
      );
    await Promise.all([run('one', 300), run('two', 600), run('three', 900)]);
    expect(seen).toEqual(['one in one', 'two in two', 'three in three']);
  },
);

test.each(['signal', 'destroy'] as const)(
  'when calls end together by %s, the abort listeners of each run in the context of that call',
  async (how) => {
    const clerk = createClerk({ registry: { '/s': ['tcp://127.0.0.1:1'] } });
    onTestFinished(() => clerk.destroy());
    const s = clerk.bind('/s');
    const controller = new AbortController();
    const seen: string[] = [];
    const started: string[] = [];
    const calls = ids.map((id) =>
      requestId.run(id, () =>
        s
          .call(
            (_endpoint, { signal }) =>
              new Promise<never>(() => {
                started.push(id);
                signal.addEventListener('abort', () => seen.push(`${id} in ${here()}`));
              }),
            { signal: controller.signal },
          )
          .catch(() => undefined),
      ),
    );
    await vi.waitFor(() => expect(started).toEqual(ids));
    if (how === 'signal') controller.abort();
    else await clerk.destroy();
    await Promise.all(calls);
    expect(seen).toEqual(ids.map((id) => `${id} in ${id}`));
  },
);

test('when the clerk is destroyed, the signal of each acquired endpoint aborts in the context of its caller', async () => {
  const clerk = createClerk({ registry: { '/s': ['tcp://127.0.0.1:1'] } });
  const s = clerk.bind('/s');
  const seen: string[] = [];
  const reasons = new Set<unknown>();
  for (const id of ids)
    await requestId.run(id, async () => {
      const { signal } = await s.acquire();
      signal.addEventListener('abort', () => {
        seen.push(`${id} in ${here()}`);
        reasons.add(signal.reason);
      });
    });
  await clerk.destroy();
  expect(seen).toEqual(ids.map((id) => `${id} in ${id}`));
  expect(reasons.size).toBe(ids.length);
});

test('when the deadlines of calls pass, the events of each request body run in the context of that call', async () => {
  const server = await webServer((request) => void request.resume());
  const { orders } = testClerk([server.address]);
  const seen: string[] = [];
  const run = (id: string, timeoutMs: number): Promise<unknown> =>
    requestId.run(id, () => {
      const body = new PassThrough();
      body.write('x');
      for (const event of ['error', 'close'])
        body.on(event, () => seen.push(`${event} of ${id} in ${here()}`));
      return orders.json('/', { method: 'POST', body, timeoutMs }).catch(() => undefined);
    });
  await Promise.all([run('one', 300), run('two', 600)]);
  await vi.waitFor(() => expect(seen).toHaveLength(4));
  expect(seen).toEqual([
    'error of one in one',
    'close of one in one',
    'error of two in two',
    'close of two in two',
  ]);
});
