import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { ClerkError, isClerkError } from '../../src/core/errors.js';
import type { Factory, FactoryContext, StartedEndpoint } from '../../src/core/factory.js';
import { ServiceStarter } from '../../src/factory/service-starter.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { flushPromises } from '../support/manual-clock.js';
import { EventRecorder } from '../support/event-recorder.js';

class StarterHarness {
  readonly runtime = createFakeRuntime({ seed: 1, startAt: 1_000 });
  readonly recorder = new EventRecorder();
  readonly controller = new AbortController();
  readonly starter = new ServiceStarter('/shop/orders', this.runtime, this.recorder, this.controller.signal);
  /** Instants of the factory calls, in ms. */
  readonly calls: number[] = [];
  readonly contexts: FactoryContext[] = [];

  /** A counted factory with this behavior. */
  factory(does: () => unknown): Factory {
    return (context) => {
      this.calls.push(this.runtime.now());
      this.contexts.push(context);
      return does() as StartedEndpoint;
    };
  }

  readonly failing = this.factory(() => Promise.reject(new Error('no such program')));
  readonly working = this.factory(() => 'http://127.0.0.1:3001');

  /** Code and message of the error of a start, or `started`. */
  async outcome(factory: Factory): Promise<string> {
    return this.starter.start(factory).then(
      () => 'started',
      (error: unknown) => (isClerkError(error) ? `${error.code}: ${error.message}` : String(error)),
    );
  }
}

test('concurrent callers share one start and its endpoints', async () => {
  const harness = new StarterHarness();
  let finish: (address: string) => void = () => {};
  const factory = harness.factory(() => new Promise((resolve) => (finish = resolve)));
  const callers = Array.from({ length: 100 }, () => harness.starter.start(factory));
  await harness.runtime.advance(1_500);
  const late = harness.starter.start(factory);
  finish('http://127.0.0.1:3001');
  const started = await Promise.all([...callers, late]);
  expect(harness.calls).toEqual([1_000]);
  expect(new Set(started).size).toBe(1);
  expect(started[0]).toMatchObject([{ id: 'http://127.0.0.1:3001', address: 'http://127.0.0.1:3001' }]);
  expect(harness.recorder.of('started')).toEqual([
    { name: '/shop/orders', endpoints: ['http://127.0.0.1:3001'], durationMs: 1_500 },
  ]);
  expect(harness.runtime.pendingTimers).toBe(0);
});

test('a finished start is not shared; the next start waits until 500 ms have passed', async () => {
  const harness = new StarterHarness();
  await harness.starter.start(harness.working);
  const second = harness.starter.start(harness.working);
  await harness.runtime.advance(500);
  await second;
  expect(harness.calls).toEqual([1_000, 1_500]);
});

test('a start that changed nothing is a failure of 1 s, which names the network path', async () => {
  const harness = new StarterHarness();
  await harness.starter.start(harness.working);
  harness.starter.markUnchanged();
  expect(await harness.outcome(harness.working)).toMatch(
    /^START_FAILED: \/shop\/orders was not started again: .* check the network path .* again in 1.0 s$/,
  );
  await harness.runtime.advance(1_000);
  expect(await harness.outcome(harness.working)).toBe('started');
  expect(harness.calls).toEqual([1_000, 2_000]);
});

test('the factory receives the name of the service', async () => {
  const harness = new StarterHarness();
  await harness.starter.start(harness.working);
  expect(harness.contexts[0]?.name).toBe('/shop/orders');
  expect(harness.contexts[0]?.signal.aborted).toBe(false);
});

test('a factory may return an address, a URL, an endpoint or a list of them, or a promise of it', async () => {
  for (const [returns, ids] of [
    ['http://a', ['http://a']],
    [new URL('http://a:81'), ['http://a:81']],
    [{ id: 'x', address: 'unix:/run/x' }, ['x']],
    [
      ['http://a', { id: 'y', address: 'http://b' }],
      ['http://a', 'y'],
    ],
    [Promise.resolve('http://a'), ['http://a']],
    [Promise.resolve(['http://a']), ['http://a']],
  ] as const) {
    const harness = new StarterHarness();
    const started = await harness.starter.start(harness.factory(() => returns));
    expect(started.map(({ id }) => id)).toEqual(ids);
  }
});

test('every caller receives the reason of a failed start', async () => {
  const harness = new StarterHarness();
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => harness.outcome(harness.failing)));
  expect(new Set(outcomes)).toEqual(
    new Set(['FACTORY_FAILED: The factory of /shop/orders failed: no such program']),
  );
  expect(harness.calls).toHaveLength(1);
  const thrown = new StarterHarness();
  const error: unknown = await thrown.starter
    .start(() => {
      throw new TypeError('at once');
    })
    .catch((each: unknown) => each);
  expect(error).toMatchObject({ code: 'FACTORY_FAILED', cause: { message: 'at once' }, execution: 'none' });
});

test('an invalid result is a failed start', async () => {
  for (const nonsense of [
    undefined,
    null,
    7,
    '',
    'nonsense',
    'http://a/path',
    [],
    [undefined],
    [[]],
    {},
    { id: 'x' },
    ['http://a', 'http://a'],
    () => 'http://a',
    new Map(),
    new Set(['http://a']),
    { address: 'http://a', port: 1 },
  ]) {
    const harness = new StarterHarness();
    expect(await harness.outcome(harness.factory(() => nonsense))).toMatch(
      /^FACTORY_FAILED: The factory of \/shop\/orders failed: .*[^.]$/s,
    );
    expect(harness.recorder.events).toEqual([]);
  }
});

test('a failed factory backs off for 1 s, then for 2 s, and the error says so', async () => {
  const harness = new StarterHarness();
  await harness.outcome(harness.failing);
  await harness.runtime.advance(400);
  expect(await harness.outcome(harness.working)).toBe(
    'FACTORY_FAILED: The factory of /shop/orders failed: no such program; the service can be started again in 0.6 s',
  );
  await harness.runtime.advance(599);
  expect(await harness.outcome(harness.failing)).toMatch(/the service can be started again/);
  await harness.runtime.advance(1);
  await harness.outcome(harness.failing);
  await harness.runtime.advance(1_999);
  expect(await harness.outcome(harness.failing)).toMatch(/the service can be started again/);
  await harness.runtime.advance(1);
  await harness.outcome(harness.failing);
  expect(harness.calls).toEqual([1_000, 2_000, 4_000]);
});

test('there are at most 3 failed starts in 60 s, however long they take', async () => {
  for (const takesMs of [0, 700, 5_000]) {
    const harness = new StarterHarness();
    const factory = harness.factory(
      () =>
        new Promise(
          (_resolve, reject) => void harness.runtime.setTimer(() => reject(new Error('no')), takesMs),
        ),
    );
    for (let passed = 0; passed < 600_000; passed += 250) {
      void harness.outcome(factory);
      await harness.runtime.advance(250);
    }
    const { calls } = harness;
    expect(calls.length).toBeGreaterThan(15);
    for (const [i, at] of calls.entries())
      expect((calls[i + 3] ?? Infinity) - at).toBeGreaterThanOrEqual(60_000);
  }
});

test('a successful start does not clear failures; a response of its endpoint does', async () => {
  const harness = new StarterHarness();
  await harness.outcome(harness.failing);
  await harness.runtime.advance(1_000);
  expect(await harness.outcome(harness.working)).toBe('started');
  await harness.runtime.advance(500);
  await harness.outcome(harness.failing);
  await harness.runtime.advance(1_999);
  expect(await harness.outcome(harness.working)).toMatch(/the service can be started again in 0.0 s/);
  harness.starter.markHealthy();
  expect(await harness.outcome(harness.failing)).toBe(
    'FACTORY_FAILED: The factory of /shop/orders failed: no such program',
  );
  await harness.runtime.advance(1_000);
  expect(await harness.outcome(harness.working)).toBe('started');
});

test('a start whose endpoints never responded counts as failed', async () => {
  const harness = new StarterHarness();
  await harness.outcome(harness.working);
  harness.starter.markUnreachable();
  expect(await harness.outcome(harness.working)).toBe(
    'FACTORY_FAILED: The factory of /shop/orders returned no endpoint that accepts connections; the factory must resolve only when the service accepts connections; the service can be started again in 1.0 s',
  );
  await harness.runtime.advance(1_000);
  expect(await harness.outcome(harness.working)).toBe('started');
});

test('a start is aborted after 60 s and counts as failed', async () => {
  const harness = new StarterHarness();
  const hanging = harness.factory(() => new Promise(() => {}));
  const outcome = harness.outcome(hanging);
  await harness.runtime.advance(59_999);
  expect(harness.contexts[0]?.signal.aborted).toBe(false);
  expect(harness.runtime.refTimers).toBe(0);
  await harness.runtime.advance(1);
  expect(await outcome).toBe(
    'FACTORY_FAILED: The factory of /shop/orders failed: the factory did not resolve within 60 s',
  );
  expect(harness.contexts[0]?.signal.aborted).toBe(true);
  expect(getEventListeners(harness.controller.signal, 'abort')).toEqual([]);
});

test('a result after the timeout is ignored', async () => {
  const harness = new StarterHarness();
  for (const late of [() => Promise.reject(new Error('late')), () => 'http://a']) {
    const outcome = harness.outcome(
      harness.factory(
        () => new Promise((resolve) => void harness.runtime.setTimer(() => resolve(late()), 70_000)),
      ),
    );
    await harness.runtime.advance(60_000);
    expect(await outcome).toMatch(/the factory did not resolve within 60 s/);
    await harness.runtime.advance(60_000);
  }
  expect(harness.recorder.events).toEqual([]);
});

test('closing the clerk aborts the signal of the factory', async () => {
  const harness = new StarterHarness();
  const outcome = harness.outcome(harness.factory(() => new Promise(() => {})));
  await flushPromises();
  harness.controller.abort(new Error('closed'));
  expect(await outcome).toBe('CLERK_CLOSED: The clerk was closed while it started /shop/orders');
  expect(harness.contexts[0]?.signal.aborted).toBe(true);
  expect(harness.runtime.pendingTimers).toBe(0);
  // A closed clerk does not call the factory.
  expect(await harness.outcome(harness.working)).toMatch(/^CLERK_CLOSED: /);
  expect(harness.calls).toHaveLength(1);
});

test('a finished start leaves no listener and no timer', async () => {
  const harness = new StarterHarness();
  await harness.outcome(harness.working);
  await harness.runtime.advance(500);
  await harness.outcome(harness.failing);
  expect(getEventListeners(harness.controller.signal, 'abort')).toEqual([]);
  expect(harness.runtime.pendingTimers).toBe(0);
});

test('START_FAILED of the registry is passed on, followed by a backoff', async () => {
  const harness = new StarterHarness();
  const reason = new ClerkError('START_FAILED', 'It exited with code 3');
  const launcher = harness.factory(() => Promise.reject(reason));
  await expect(harness.starter.start(launcher)).rejects.toEqual(reason);
  expect(await harness.outcome(launcher)).toBe(
    'START_FAILED: It exited with code 3; the service can be started again in 1.0 s',
  );
  expect(harness.calls).toHaveLength(1);
});

test('a start that the registry rejects as too early is retried after remainingMs, and is not a failure', async () => {
  const harness = new StarterHarness();
  const early = harness.factory(() =>
    Promise.reject(new ClerkError('START_FAILED', 'It crashed three times', { remainingMs: 700 })),
  );
  for (let round = 0; round < 5; round++) {
    expect(await harness.outcome(early)).toBe('START_FAILED: It crashed three times');
    await harness.runtime.advance(699);
    expect(await harness.outcome(harness.working)).toMatch(
      /^START_FAILED: .* the service can be started again in 0.0 s/,
    );
    await harness.runtime.advance(1);
  }
  expect(harness.calls).toEqual([1_000, 1_700, 2_400, 3_100, 3_800]);
  expect(await harness.outcome(harness.working)).toBe('started');
});
