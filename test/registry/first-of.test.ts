import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import type { Registry, Resolution, Snapshot } from '../../src/core/registry.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { firstOf } from '../../src/registry/first-of.js';
import { anyContext, lookup, mutableRegistry, flushPromises, recordWatch } from './mutable-registry.js';

const at = (port: number): { id: string; address: string } => ({
  id: `p${String(port)}`,
  address: `http://127.0.0.1:${String(port)}`,
});

/** A registry with the same response for every name. */
function registryOf(resolution: unknown): Registry {
  return { resolve: async () => resolution as Resolution };
}

test('the first registry that has a name decides it, the others are not queried', async () => {
  const [a, b] = [
    mutableRegistry({ '/x': [at(1)], '/idle': [] }),
    mutableRegistry({ '/x': [at(2)], '/idle': [at(3)], '/y': [at(4)] }),
  ];
  const both = firstOf(a.registry, b.registry);
  expect(await lookup(both, '/x')).toMatchObject({ endpoints: [{ id: 'p1' }] });
  expect(await lookup(both, '/idle')).toMatchObject({ kind: 'bound', endpoints: [] });
  expect(b.lookups).toEqual([]);
  expect(await lookup(both, '/y')).toMatchObject({ endpoints: [{ id: 'p4' }] });
  expect(await lookup(both, '/z')).toEqual({ kind: 'absent', ttlMs: 1_000 });
});

test('a failing registry is skipped if a later one has the name, and rejects otherwise', async () => {
  const [a, b] = [mutableRegistry({ '/x': [at(1)] }), mutableRegistry({ '/x': [at(2)] })];
  const both = firstOf(a.registry, b.registry);
  a.fail(true);
  expect(await lookup(both, '/x')).toMatchObject({ endpoints: [{ id: 'p2' }] });
  await expect(lookup(both, '/y')).rejects.toThrow('The registry is down');
  a.fail(false);
  b.fail(true);
  expect(await lookup(both, '/x')).toMatchObject({ endpoints: [{ id: 'p1' }] });
  await expect(lookup(both, '/y')).rejects.toThrow('The registry is down');
});

test('the ttlMs of a result is limited by those of earlier registries', async () => {
  const forever = { '/x': [at(9)] };
  const ttlOf = async (...before: Registry[]): Promise<unknown> =>
    ((await lookup(firstOf(...before, forever), '/x')) as { ttlMs: number }).ttlMs;
  const down = mutableRegistry({});
  down.fail(true);
  expect(await ttlOf()).toBe(Infinity);
  expect(await ttlOf(registryOf({ kind: 'absent' }))).toBe(1_000);
  expect(
    await ttlOf(registryOf({ kind: 'absent', ttlMs: 300 }), registryOf({ kind: 'absent', ttlMs: 4_000 })),
  ).toBe(300);
  expect(await ttlOf(down.registry)).toBe(1_000);
  const short = registryOf({ kind: 'bound', endpoints: [], guaranteedMs: 200 });
  expect(await lookup(firstOf(registryOf({ kind: 'absent' }), short), '/x')).toMatchObject({
    ttlMs: 200,
    guaranteedMs: 200,
  });
  const withoutTtl = registryOf({ kind: 'bound', endpoints: [] });
  expect(await lookup(firstOf(registryOf({ kind: 'absent', ttlMs: 9_000 }), withoutTtl), '/x')).toMatchObject(
    {
      ttlMs: 5_000,
    },
  );
});

test('revisions of different registries are never compared', async () => {
  const at = (revision: string): Registry =>
    registryOf({ kind: 'bound', endpoints: [], revision, incarnation: 'i' });
  const first = (await lookup(firstOf(at('900')), '/x')) as { incarnation: string };
  const second = (await lookup(firstOf(registryOf({ kind: 'absent' }), at('5')), '/x')) as {
    incarnation: string;
  };
  expect(first).toMatchObject({ revision: '900' });
  expect(second).toMatchObject({ revision: '5' });
  expect(first.incarnation).not.toBe(second.incarnation);
  expect(await lookup(firstOf(at('901')), '/x')).toMatchObject({ incarnation: first.incarnation });
});

test('a link is a result, and an invalid response is a failure', async () => {
  const link = registryOf({ kind: 'link', target: '/y' });
  expect(await lookup(firstOf({}, link, { '/x': [] }), '/x')).toMatchObject({
    kind: 'link',
    target: '/y',
    ttlMs: 1_000,
  });
  for (const nothing of [undefined, null, 7, {}]) {
    expect(await lookup(firstOf(registryOf(nothing), { '/x': [at(1)] }), '/x')).toMatchObject({
      kind: 'bound',
    });
    await expect(lookup(firstOf(registryOf(nothing), {}), '/x')).rejects.toSatisfy(
      (error) => isClerkError(error) && error.code === 'REGISTRY_INVALID',
    );
  }
});

test('no further registry is queried after the lookup was aborted', async () => {
  const controller = new AbortController();
  const b = mutableRegistry({ '/x': [at(1)] });
  const slow: Registry = {
    resolve: (_name, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('Stopped')));
      }),
  };
  const resolving = firstOf(slow, b.registry).resolve('/x', {
    signal: controller.signal,
    suspects: new Set(),
  });
  controller.abort(new Error('Aborted by the test'));
  await expect(resolving).rejects.toThrow('Aborted by the test');
  expect(b.lookups).toEqual([]);
});

/** A registry whose lookups the test completes by hand. */
function byHand() {
  const pending: { signal: AbortSignal; respond: (resolution: Resolution) => void }[] = [];
  const registry: Registry = {
    resolve: (_name, { signal }) =>
      new Promise((respond, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        pending.push({ signal, respond });
      }),
  };
  return { registry, pending };
}

const boundTo = (port: number): Resolution => ({ kind: 'bound', endpoints: [at(port)], ttlMs: 60_000 });

/** Looks a name up as a clerk does, with its clock and a timeout of 5 s. */
function timed() {
  const runtime = createFakeRuntime({ seed: 1 });
  const lookUpWithin = (registry: Registry, name = '/x'): Promise<unknown> => {
    const controller = new AbortController();
    runtime.setTimer(() => controller.abort(new Error('Too late')), 5_000);
    return Promise.resolve(
      registry.resolve(name, { signal: controller.signal, suspects: new Set(), clock: runtime }),
    );
  };
  return { runtime, lookUpWithin };
}

test('a registry that hangs is skipped after 500 ms, and its lookup aborted', async () => {
  const { runtime, lookUpWithin } = timed();
  const [a, b] = [byHand(), mutableRegistry({ '/x': [at(2)] })];
  const both = firstOf(a.registry, b.registry);
  const resolving = lookUpWithin(both);
  await runtime.advance(499);
  expect(b.lookups).toEqual([]);
  await runtime.advance(1);
  // The skipped registry may get the name at any moment, so ttlMs is short.
  expect(await resolving).toMatchObject({ endpoints: [{ id: 'p2' }], ttlMs: 1_000 });
  expect(a.pending.map(({ signal }) => signal.aborted)).toEqual([true]);
  expect(b.lookups).toEqual(['/x']);
});

test('a slow registry is queried but not waited for during 5 s', async () => {
  const { runtime, lookUpWithin } = timed();
  const [a, b] = [byHand(), mutableRegistry({ '/x': [at(2)] })];
  const both = firstOf(a.registry, b.registry);
  const first = lookUpWithin(both);
  await runtime.advance(500);
  await first;
  const second = lookUpWithin(both);
  await flushPromises();
  expect(a.pending).toHaveLength(2);
  expect(await second).toMatchObject({ endpoints: [{ id: 'p2' }] });
  await runtime.advance(5_000);
  // After that it is waited for again.
  const third = lookUpWithin(both);
  await runtime.advance(300);
  a.pending[2]?.respond(boundTo(1));
  expect(await third).toMatchObject({ endpoints: [{ id: 'p1' }], ttlMs: 60_000 });
  const fourth = lookUpWithin(both);
  await runtime.advance(499);
  a.pending[3]?.respond(boundTo(1));
  expect(await fourth).toMatchObject({ endpoints: [{ id: 'p1' }] });
  expect(b.lookups).toEqual(['/x', '/x']);
});

test('the first response decides, later ones change nothing', async () => {
  const { runtime, lookUpWithin } = timed();
  const [a, b] = [byHand(), byHand()];
  const both = firstOf(a.registry, b.registry);
  const one = lookUpWithin(both);
  await runtime.advance(600);
  b.pending[0]?.respond(boundTo(2));
  await flushPromises();
  a.pending[0]?.respond(boundTo(1));
  expect(await one).toMatchObject({ endpoints: [{ id: 'p2' }] });
  const other = lookUpWithin(both);
  await flushPromises();
  a.pending[1]?.respond(boundTo(1));
  expect(await other).toMatchObject({ endpoints: [{ id: 'p1' }] });
  expect(b.pending[1]?.signal.aborted).toBe(true);
  // It has responded: it is waited for again.
  const last = lookUpWithin(both);
  await runtime.advance(499);
  expect(b.pending).toHaveLength(2);
  a.pending[2]?.respond(boundTo(1));
  await last;
});

test('a slow registry is waited for if no other has the name, and its timeout rejects', async () => {
  const { runtime, lookUpWithin } = timed();
  const a = byHand();
  const both = firstOf(a.registry, {});
  const known = lookUpWithin(both);
  await runtime.advance(4_000);
  a.pending[0]?.respond(boundTo(1));
  expect(await known).toMatchObject({ endpoints: [{ id: 'p1' }] });
  const unknown = expect(lookUpWithin(both)).rejects.toThrow('Too late');
  await runtime.advance(5_000);
  await unknown;
  expect(a.pending[1]?.signal.aborted).toBe(true);
  expect(runtime.pendingTimers).toBe(0);
});

test('without a clock each registry is waited for', async () => {
  const [a, b] = [byHand(), mutableRegistry({ '/x': [at(2)] })];
  const resolving = lookup(firstOf(a.registry, b.registry), '/x');
  await flushPromises();
  a.pending[0]?.respond(boundTo(1));
  expect(await resolving).toMatchObject({ endpoints: [{ id: 'p1' }] });
  expect(b.lookups).toEqual([]);
});

test('a name is listed once, and hides the same name of later registries in searches and watches', async () => {
  const a = mutableRegistry({ '/x': [{ ...at(1), zone: 'a' }], '/idle': [] });
  const b = mutableRegistry({
    '/x': [{ ...at(2), zone: 'b' }],
    '/idle': [{ ...at(3), zone: 'b' }],
    '/y': [{ ...at(4), zone: 'b' }],
  });
  const both = firstOf(a.registry, b.registry);
  expect(await both.list?.('/**', anyContext)).toEqual([
    { name: '/idle', kind: 'service', endpoints: 0 },
    { name: '/x', kind: 'service', endpoints: 1 },
    { name: '/y', kind: 'service', endpoints: 1 },
  ]);
  expect(await both.search?.('/**', { zone: 'b' }, anyContext)).toMatchObject([{ name: '/y' }]);
  const { snapshots, stop } = recordWatch(both, '/**');
  await flushPromises();
  a.put('/y', [at(5)]);
  await flushPromises();
  a.remove('/x');
  await flushPromises();
  expect(snapshots).toEqual([
    { '/x': ['p1'], '/idle': [], '/y': ['p4'] },
    { '/x': ['p1'], '/idle': [], '/y': ['p5'] },
    { '/x': ['p2'], '/idle': [], '/y': ['p5'] },
  ]);
  stop();
  expect([a.watchCount(), b.watchCount()]).toEqual([0, 0]);
});

test('a watch reports its first snapshot when all parts have reported theirs, and reports failures', async () => {
  const [a, b] = [mutableRegistry({ '/x': [at(1)] }), mutableRegistry({ '/x': [at(2)] })];
  a.fail(true);
  const { snapshots, errors, stop } = recordWatch(firstOf(a.registry, b.registry), '/**');
  await flushPromises();
  expect(snapshots).toEqual([]);
  expect(errors).toEqual([new Error('The registry is down')]);
  a.fail(false);
  await flushPromises();
  expect(snapshots).toEqual([{ '/x': ['p1'] }]);
  stop();
});

test('a watch that was ended ignores later snapshots of its parts', async () => {
  let emit = (): void => {};
  const lateEmitter: Registry = {
    ...registryOf({ kind: 'absent' }),
    watch: (_glob, onSnapshot) => {
      emit = () => onSnapshot({});
      return () => {};
    },
  };
  const { snapshots, stop } = recordWatch(firstOf(lateEmitter, { '/x': [at(2)] }), '/**');
  await flushPromises();
  emit();
  expect(snapshots).toEqual([{ '/x': ['p2'] }]);
  stop();
  emit();
  expect(snapshots).toHaveLength(1);
});

test('absent names are left out of snapshots', async () => {
  const a: Registry = {
    ...registryOf({ kind: 'absent' }),
    watch: (_glob, onSnapshot) => {
      queueMicrotask(() => onSnapshot({ '/x': { kind: 'absent' } }));
      return () => {};
    },
  };
  const { snapshots } = recordWatch(firstOf(a, { '/x': [at(2)] }), '/**');
  await flushPromises();
  expect(snapshots).toEqual([{ '/x': ['p2'] }]);
});

test('an operation that one part lacks is not offered', () => {
  const bare = registryOf({ kind: 'absent' });
  expect(Object.keys(firstOf({}, bare)).sort()).toEqual(['close', 'resolve']);
  expect(Object.keys(firstOf({}, {})).sort()).toEqual(['close', 'list', 'resolve', 'search', 'watch']);
});

test('a list rejects when one part rejects', async () => {
  const a = mutableRegistry({});
  const both = firstOf({ '/x': [] }, a.registry);
  a.fail(true);
  await expect(both.list?.('/**', anyContext)).rejects.toThrow('The registry is down');
  await expect(both.search?.('/**', {}, anyContext)).rejects.toThrow('The registry is down');
});

test('a watch that one part rejects is ended in the others', () => {
  const a = mutableRegistry({});
  const refusing: Registry = {
    ...registryOf({ kind: 'absent' }),
    watch: () => {
      throw new Error('No watches today');
    },
  };
  expect(() => recordWatch(firstOf(a.registry, refusing), '/**')).toThrow('No watches today');
  expect(a.watchCount()).toBe(0);
});

test('close closes each part once, even if one of them fails', async () => {
  const [a, b] = [mutableRegistry({}), mutableRegistry({})];
  const broken: Registry = {
    ...registryOf({ kind: 'absent' }),
    close: () => {
      throw new Error('Stuck');
    },
  };
  await expect(firstOf(broken, a.registry, b.registry, a.registry, {}).close?.()).rejects.toThrow('Stuck');
  expect([a.closeCount(), b.closeCount()]).toEqual([1, 1]);
});

test('it needs at least one registry, and each must be valid', () => {
  expect(() => firstOf()).toThrow('firstOf() must be called with at least one registry');
  expect(() => firstOf({}, undefined as never)).toThrow(
    'A registry must be a URL or an object; got undefined; pass the URL of a registry server, an object with a resolve method',
  );
  expect(() => firstOf({ shop: [] })).toThrow(
    "Keys of static addresses must be absolute names such as '/shop/orders'; got 'shop'",
  );
});

test('a service is started by the registry that decides its name', async () => {
  const started: string[] = [];
  const starting = (id: string, names: readonly string[]): Registry => ({
    resolve: async (name) =>
      names.includes(name) ? { kind: 'bound', endpoints: [], startable: true } : { kind: 'absent' },
    start: async (name) => {
      started.push(`${id} ${name}`);
      return [at(1)];
    },
  });
  const both = firstOf({ '/static': [] }, starting('a', ['/x']), starting('b', ['/x', '/y']));
  expect(await both.start?.('/x', anyContext)).toEqual([at(1)]);
  await both.start?.('/y', anyContext);
  expect(started).toEqual(['a /x', 'b /y']);
  await expect(both.start?.('/static', anyContext)).rejects.toMatchObject({ code: 'START_FAILED' });
  expect(firstOf({ '/static': [] })).not.toHaveProperty('start');
});

test('a result does not state that no names are below it, because another registry may have some', async () => {
  const both = firstOf({ '/shop': 'http://127.0.0.1:1' }, { '/shop/orders': 'http://127.0.0.1:2' });
  expect(await lookup(both, '/shop')).not.toHaveProperty('namesBelow');
  const snapshot = await new Promise<Snapshot>((resolve) => both.watch?.('/shop', resolve));
  expect((snapshot as ReadonlyMap<string, Resolution>).get('/shop')).not.toHaveProperty('namesBelow');
});
