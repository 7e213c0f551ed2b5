/** Work that no call waits for does not inherit the async context of a call. @see [C9.3](../../docs/guarantees.md#c9-3) */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createClerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';

const requestId = new AsyncLocalStorage<string>();

/** A clerk that was created in the context `clerk`, and the contexts in which its registry was called. */
function setup() {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  for (const origin of ['http://a', 'http://b'])
    network.server(origin).handler = () => ({ statusCode: 200, body: '1' });
  const contexts = { resolve: [] as unknown[], report: [] as unknown[], watch: [] as unknown[] };
  let starting = 0;
  const registry: Registry = {
    resolve() {
      contexts.resolve.push(requestId.getStore());
      if (starting > 0) return { kind: 'bound', endpoints: [], starting, ttlMs: 5_000 };
      return { kind: 'bound', endpoints: ['http://a', 'http://b'], ttlMs: 5_000 };
    },
    report: () => void contexts.report.push(requestId.getStore()),
    watch() {
      contexts.watch.push(requestId.getStore());
      return () => undefined;
    },
  };
  const clerk = requestId.run('clerk', () => createClerk({ registry, runtime }));
  onTestFinished(() => clerk.destroy());
  const call = (id: string): Promise<unknown> =>
    requestId.run(id, () => clerk.bind('/x', { policy: ([first]) => first }).json('/'));
  const setStarting = (count: number): void => void (starting = count);
  return { runtime, network, contexts, call, setStarting };
}

test('a refresh before the end of ttlMs runs in the context of the clerk', async () => {
  const { runtime, contexts, call } = setup();
  await call('first');
  await runtime.advance(4_500);
  await call('second');
  await runtime.advance(10);
  expect(contexts.resolve).toEqual(['first', 'clerk']);
});

test('lookups while the endpoints are starting run in the context of the clerk', async () => {
  const { runtime, contexts, call, setStarting } = setup();
  setStarting(1);
  const answer = call('first');
  await runtime.advance(1_200);
  setStarting(0);
  await answer;
  expect(contexts.resolve.length).toBeGreaterThan(2);
  expect(new Set(contexts.resolve.slice(1))).toEqual(new Set(['clerk']));
});

test('the watch of a service runs in the context of the clerk', async () => {
  const { runtime, contexts, call } = setup();
  await call('first');
  await runtime.advance(10);
  expect(contexts.watch).toEqual(['clerk']);
});

test('a health report runs in the context of the clerk', async () => {
  const { runtime, network, contexts, call } = setup();
  await call('first');
  network.server('http://a').kill();
  await call('second');
  await runtime.advance(3_000);
  expect(contexts.report.length).toBeGreaterThan(0);
  expect(new Set(contexts.report)).toEqual(new Set(['clerk']));
});
