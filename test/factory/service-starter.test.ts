import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { ClerkError, isClerkError } from '../../src/core/errors.js';
import type { Factory, FactoryContext, StartedEndpoint } from '../../src/core/factory.js';
import { ServiceStarter } from '../../src/factory/service-starter.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { flushPromises } from '../support/manual-clock.js';
import { EventRecorder } from '../support/event-recorder.js';

class World {
  readonly runtime = createFakeRuntime({ seed: 1, startAt: 1_000 });
  readonly recorder = new EventRecorder();
  readonly controller = new AbortController();
  starts = Infinity;
  readonly starter = new ServiceStarter(
    '/shop/orders',
    this.runtime,
    this.recorder,
    this.controller.signal,
    () => this.starts-- > 0,
  );
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
  const world = new World();
  let finish: (address: string) => void = () => {};
  const factory = world.factory(() => new Promise((resolve) => (finish = resolve)));
  const callers = Array.from({ length: 100 }, () => world.starter.start(factory));
  await world.runtime.advance(1_500);
  const late = world.starter.start(factory);
  finish('http://127.0.0.1:3001');
  const started = await Promise.all([...callers, late]);
  expect(world.calls).toEqual([1_000]);
  expect(new Set(started).size).toBe(1);
  expect(started[0]).toMatchObject([{ id: 'http://127.0.0.1:3001', address: 'http://127.0.0.1:3001' }]);
  expect(world.recorder.of('started')).toEqual([
    { name: '/shop/orders', endpoints: ['http://127.0.0.1:3001'], durationMs: 1_500 },
  ]);
  expect(world.runtime.pendingTimers).toBe(0);
});

test('a finished start is not shared', async () => {
  const world = new World();
  await world.starter.start(world.working);
  await world.starter.start(world.working);
  expect(world.calls).toHaveLength(2);
});

test('the factory receives the name of the service', async () => {
  const world = new World();
  await world.starter.start(world.working);
  expect(world.contexts[0]?.name).toBe('/shop/orders');
  expect(world.contexts[0]?.signal.aborted).toBe(false);
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
    const world = new World();
    const started = await world.starter.start(world.factory(() => returns));
    expect(started.map(({ id }) => id)).toEqual(ids);
  }
});

test('every caller receives the reason of a failed start', async () => {
  const world = new World();
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => world.outcome(world.failing)));
  expect(new Set(outcomes)).toEqual(
    new Set(['FACTORY_FAILED: The factory of /shop/orders failed: no such program']),
  );
  expect(world.calls).toHaveLength(1);
  const thrown = new World();
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
    const world = new World();
    expect(await world.outcome(world.factory(() => nonsense))).toMatch(
      /^FACTORY_FAILED: The factory of \/shop\/orders failed: .*[^.]$/s,
    );
    expect(world.recorder.events).toEqual([]);
  }
});

test('a failed factory backs off for 1 s, then for 2 s, and the error says so', async () => {
  const world = new World();
  await world.outcome(world.failing);
  await world.runtime.advance(400);
  expect(await world.outcome(world.working)).toBe(
    'FACTORY_FAILED: The factory of /shop/orders failed: no such program; the next start is possible in 0.6 s',
  );
  await world.runtime.advance(599);
  expect(await world.outcome(world.failing)).toMatch(/the next start is possible/);
  await world.runtime.advance(1);
  await world.outcome(world.failing);
  await world.runtime.advance(1_999);
  expect(await world.outcome(world.failing)).toMatch(/the next start is possible/);
  await world.runtime.advance(1);
  await world.outcome(world.failing);
  expect(world.calls).toEqual([1_000, 2_000, 4_000]);
});

test('there are at most 3 failed starts in 60 s, however long they take', async () => {
  for (const takesMs of [0, 700, 5_000]) {
    const world = new World();
    const factory = world.factory(
      () =>
        new Promise(
          (_resolve, reject) => void world.runtime.setTimer(() => reject(new Error('no')), takesMs),
        ),
    );
    for (let passed = 0; passed < 600_000; passed += 250) {
      void world.outcome(factory);
      await world.runtime.advance(250);
    }
    const { calls } = world;
    expect(calls.length).toBeGreaterThan(20);
    for (const [i, at] of calls.entries())
      expect((calls[i + 3] ?? Infinity) - at).toBeGreaterThanOrEqual(60_000);
  }
});

test('a successful start does not clear failures; a response of its endpoint does', async () => {
  const world = new World();
  await world.outcome(world.failing);
  await world.runtime.advance(1_000);
  expect(await world.outcome(world.working)).toBe('started');
  await world.outcome(world.failing);
  await world.runtime.advance(1_999);
  expect(await world.outcome(world.working)).toMatch(/the next start is possible in 0.0 s/);
  world.starter.markHealthy();
  expect(await world.outcome(world.failing)).toBe(
    'FACTORY_FAILED: The factory of /shop/orders failed: no such program',
  );
  await world.runtime.advance(1_000);
  expect(await world.outcome(world.working)).toBe('started');
});

test('a start whose endpoints never responded counts as failed', async () => {
  const world = new World();
  await world.outcome(world.working);
  world.starter.markUnreachable();
  expect(await world.outcome(world.working)).toBe(
    'FACTORY_FAILED: The factory of /shop/orders resolved, but none of the endpoints it returned accepted a connection; the next start is possible in 1.0 s',
  );
  await world.runtime.advance(1_000);
  expect(await world.outcome(world.working)).toBe('started');
});

test('a start is aborted after 60 s and counts as failed', async () => {
  const world = new World();
  const hanging = world.factory(() => new Promise(() => {}));
  const outcome = world.outcome(hanging);
  await world.runtime.advance(59_999);
  expect(world.contexts[0]?.signal.aborted).toBe(false);
  expect(world.runtime.refTimers).toBe(0);
  await world.runtime.advance(1);
  expect(await outcome).toBe(
    'FACTORY_FAILED: The factory of /shop/orders failed: it did not resolve within 60 s',
  );
  expect(world.contexts[0]?.signal.aborted).toBe(true);
  expect(getEventListeners(world.controller.signal, 'abort')).toEqual([]);
});

test('a result after the timeout is ignored', async () => {
  const world = new World();
  for (const late of [() => Promise.reject(new Error('late')), () => 'http://a']) {
    const outcome = world.outcome(
      world.factory(
        () => new Promise((resolve) => void world.runtime.setTimer(() => resolve(late()), 70_000)),
      ),
    );
    await world.runtime.advance(60_000);
    expect(await outcome).toMatch(/it did not resolve within 60 s/);
    await world.runtime.advance(60_000);
  }
  expect(world.recorder.events).toEqual([]);
});

test('closing the clerk aborts the signal of the factory', async () => {
  const world = new World();
  const outcome = world.outcome(world.factory(() => new Promise(() => {})));
  await flushPromises();
  world.controller.abort(new Error('closed'));
  expect(await outcome).toBe('CLERK_CLOSED: The clerk was closed while it started /shop/orders');
  expect(world.contexts[0]?.signal.aborted).toBe(true);
  expect(world.runtime.pendingTimers).toBe(0);
  // A closed clerk does not call the factory.
  expect(await world.outcome(world.working)).toMatch(/^CLERK_CLOSED: /);
  expect(world.calls).toHaveLength(1);
});

test('a finished start leaves no listener and no timer', async () => {
  const world = new World();
  await world.outcome(world.working);
  await world.outcome(world.failing);
  expect(getEventListeners(world.controller.signal, 'abort')).toEqual([]);
  expect(world.runtime.pendingTimers).toBe(0);
});

test('START_FAILED of the registry is passed on, followed by a backoff', async () => {
  const world = new World();
  const reason = new ClerkError('START_FAILED', 'It exited with code 3');
  const launcher = world.factory(() => Promise.reject(reason));
  await expect(world.starter.start(launcher)).rejects.toBe(reason);
  expect(await world.outcome(launcher)).toBe(
    'START_FAILED: It exited with code 3; the next start is possible in 1.0 s',
  );
  expect(world.calls).toHaveLength(1);
});

test('a start that the registry rejects as too early is retried after remainingMs, and is not a failure', async () => {
  const world = new World();
  const early = world.factory(() =>
    Promise.reject(new ClerkError('START_FAILED', 'It crashed three times', { remainingMs: 700 })),
  );
  for (let round = 0; round < 5; round++) {
    expect(await world.outcome(early)).toBe('START_FAILED: It crashed three times');
    await world.runtime.advance(699);
    expect(await world.outcome(world.working)).toMatch(
      /^START_FAILED: .* the next start is possible in 0.0 s/,
    );
    await world.runtime.advance(1);
  }
  expect(world.calls).toEqual([1_000, 1_700, 2_400, 3_100, 3_800]);
  expect(await world.outcome(world.working)).toBe('started');
});

test('a start without retry budget does not call the factory, and is not a failure', async () => {
  const world = new World();
  world.starts = 0;
  expect(await world.outcome(world.working)).toMatch(/^BUDGET_EXHAUSTED: \/shop\/orders was not started/);
  expect(world.calls).toEqual([]);
  world.starts = 1;
  expect(await world.outcome(world.working)).toBe('started');
});
