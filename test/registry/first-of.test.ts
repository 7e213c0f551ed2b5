import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import type { Registry, Resolution } from '../../src/core/registry.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { firstOf } from '../../src/registry/first-of.js';
import { anyContext, lookup, mutableRegistry, settled, recordWatch } from './mutable-registry.js';

const at = (port: number): { id: string; address: string } => ({
  id: `p${String(port)}`,
  address: `http://127.0.0.1:${String(port)}`,
});

/** A registry that says one thing of every name. */
function saying(resolution: unknown): Registry {
  return { resolve: async () => resolution as Resolution };
}

test('the first that knows a name answers, the others are not asked', async () => {
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

test('a failure is passed over while a later one knows, and is the answer when none does', async () => {
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

test('an answer holds only while those before it are sure not to know better', async () => {
  const forever = { '/x': [at(9)] };
  const ttlOf = async (...before: Registry[]): Promise<unknown> =>
    ((await lookup(firstOf(...before, forever), '/x')) as { ttlMs: number }).ttlMs;
  const down = mutableRegistry({});
  down.fail(true);
  expect(await ttlOf()).toBe(Infinity);
  expect(await ttlOf(saying({ kind: 'absent' }))).toBe(1_000);
  expect(await ttlOf(saying({ kind: 'absent', ttlMs: 300 }), saying({ kind: 'absent', ttlMs: 4_000 }))).toBe(
    300,
  );
  expect(await ttlOf(down.registry)).toBe(1_000);
  const short = saying({ kind: 'bound', endpoints: [], guaranteedMs: 200 });
  expect(await lookup(firstOf(saying({ kind: 'absent' }), short), '/x')).toMatchObject({
    ttlMs: 200,
    guaranteedMs: 200,
  });
  const unsaid = saying({ kind: 'bound', endpoints: [] });
  expect(await lookup(firstOf(saying({ kind: 'absent', ttlMs: 9_000 }), unsaid), '/x')).toMatchObject({
    ttlMs: 5_000,
  });
});

test('revisions of different registries are never compared', async () => {
  const at = (revision: string): Registry =>
    saying({ kind: 'bound', endpoints: [], revision, incarnation: 'i' });
  const first = (await lookup(firstOf(at('900')), '/x')) as { incarnation: string };
  const second = (await lookup(firstOf(saying({ kind: 'absent' }), at('5')), '/x')) as {
    incarnation: string;
  };
  expect(first).toMatchObject({ revision: '900' });
  expect(second).toMatchObject({ revision: '5' });
  expect(first.incarnation).not.toBe(second.incarnation);
  expect(await lookup(firstOf(at('901')), '/x')).toMatchObject({ incarnation: first.incarnation });
});

test('a link is an answer, and no answer at all is a failure', async () => {
  const link = saying({ kind: 'link', target: '/y' });
  expect(await lookup(firstOf({}, link, { '/x': [] }), '/x')).toMatchObject({
    kind: 'link',
    target: '/y',
    ttlMs: 1_000,
  });
  for (const nothing of [undefined, null, 7, {}]) {
    expect(await lookup(firstOf(saying(nothing), { '/x': [at(1)] }), '/x')).toMatchObject({ kind: 'bound' });
    await expect(lookup(firstOf(saying(nothing), {}), '/x')).rejects.toSatisfy(
      (error) => isClerkError(error) && error.code === 'REGISTRY_INVALID',
    );
  }
});

test('nobody is asked any more once the question was aborted', async () => {
  const controller = new AbortController();
  const b = mutableRegistry({ '/x': [at(1)] });
  const slow: Registry = {
    resolve: (_name, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('Stopped')));
      }),
  };
  const asked = firstOf(slow, b.registry).resolve('/x', { signal: controller.signal, suspects: new Set() });
  controller.abort(new Error('Nobody waits any more'));
  await expect(asked).rejects.toThrow('Nobody waits any more');
  expect(b.lookups).toEqual([]);
});

/** A registry whose answers come when a test says so. */
function byHand() {
  const questions: { signal: AbortSignal; answer: (resolution: Resolution) => void }[] = [];
  const registry: Registry = {
    resolve: (_name, { signal }) =>
      new Promise((answer, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        questions.push({ signal, answer });
      }),
  };
  return { registry, questions };
}

const boundTo = (port: number): Resolution => ({ kind: 'bound', endpoints: [at(port)], ttlMs: 60_000 });

/** Asks as a clerk does, with its time and five seconds of it. */
function timed() {
  const runtime = createFakeRuntime({ seed: 1 });
  const look = (registry: Registry, name = '/x'): Promise<unknown> => {
    const controller = new AbortController();
    runtime.setTimer(() => controller.abort(new Error('Too late')), 5_000);
    return Promise.resolve(
      registry.resolve(name, { signal: controller.signal, suspects: new Set(), clock: runtime }),
    );
  };
  return { runtime, look };
}

test('one that hangs is passed over after half a second, and told so', async () => {
  const { runtime, look } = timed();
  const [a, b] = [byHand(), mutableRegistry({ '/x': [at(2)] })];
  const both = firstOf(a.registry, b.registry);
  const asked = look(both);
  await runtime.advance(499);
  expect(b.lookups).toEqual([]);
  await runtime.advance(1);
  // It may know better at any moment, so that is not believed for long.
  expect(await asked).toMatchObject({ endpoints: [{ id: 'p2' }], ttlMs: 1_000 });
  expect(a.questions.map(({ signal }) => signal.aborted)).toEqual([true]);
  expect(b.lookups).toEqual(['/x']);
});

test('what hung is asked and not waited for, for five seconds', async () => {
  const { runtime, look } = timed();
  const [a, b] = [byHand(), mutableRegistry({ '/x': [at(2)] })];
  const both = firstOf(a.registry, b.registry);
  const first = look(both);
  await runtime.advance(500);
  await first;
  const second = look(both);
  await settled();
  expect(a.questions).toHaveLength(2);
  expect(await second).toMatchObject({ endpoints: [{ id: 'p2' }] });
  await runtime.advance(5_000);
  // Then it has its chance again, and takes it.
  const third = look(both);
  await runtime.advance(300);
  a.questions[2]?.answer(boundTo(1));
  expect(await third).toMatchObject({ endpoints: [{ id: 'p1' }], ttlMs: 60_000 });
  const fourth = look(both);
  await runtime.advance(499);
  a.questions[3]?.answer(boundTo(1));
  expect(await fourth).toMatchObject({ endpoints: [{ id: 'p1' }] });
  expect(b.lookups).toEqual(['/x', '/x']);
});

test('whoever knows first answers, and what comes later changes nothing', async () => {
  const { runtime, look } = timed();
  const [a, b] = [byHand(), byHand()];
  const both = firstOf(a.registry, b.registry);
  const one = look(both);
  await runtime.advance(600);
  b.questions[0]?.answer(boundTo(2));
  await settled();
  a.questions[0]?.answer(boundTo(1));
  expect(await one).toMatchObject({ endpoints: [{ id: 'p2' }] });
  const other = look(both);
  await settled();
  a.questions[1]?.answer(boundTo(1));
  expect(await other).toMatchObject({ endpoints: [{ id: 'p1' }] });
  expect(b.questions[1]?.signal.aborted).toBe(true);
  // It does not hang any more: it is waited for again.
  const last = look(both);
  await runtime.advance(499);
  expect(b.questions).toHaveLength(2);
  a.questions[2]?.answer(boundTo(1));
  await last;
});

test('one that hangs may be the only one that knows: then it is waited for, and its silence is the answer', async () => {
  const { runtime, look } = timed();
  const a = byHand();
  const both = firstOf(a.registry, {});
  const known = look(both);
  await runtime.advance(4_000);
  a.questions[0]?.answer(boundTo(1));
  expect(await known).toMatchObject({ endpoints: [{ id: 'p1' }] });
  const unknown = expect(look(both)).rejects.toThrow('Too late');
  await runtime.advance(5_000);
  await unknown;
  expect(a.questions[1]?.signal.aborted).toBe(true);
  expect(runtime.pendingTimers).toBe(0);
});

test('who asks without a time of his own waits for each', async () => {
  const [a, b] = [byHand(), mutableRegistry({ '/x': [at(2)] })];
  const asked = lookup(firstOf(a.registry, b.registry), '/x');
  await settled();
  a.questions[0]?.answer(boundTo(1));
  expect(await asked).toMatchObject({ endpoints: [{ id: 'p1' }] });
  expect(b.lookups).toEqual([]);
});

test('a name is listed once, and hides the same name further back from searches and watches', async () => {
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
  await settled();
  a.put('/y', [at(5)]);
  await settled();
  a.remove('/x');
  await settled();
  expect(snapshots).toEqual([
    { '/x': ['p1'], '/idle': [], '/y': ['p4'] },
    { '/x': ['p1'], '/idle': [], '/y': ['p5'] },
    { '/x': ['p2'], '/idle': [], '/y': ['p5'] },
  ]);
  stop();
  expect([a.watchCount(), b.watchCount()]).toEqual([0, 0]);
});

test('a watch says nothing until all have told everything, and tells of failures', async () => {
  const [a, b] = [mutableRegistry({ '/x': [at(1)] }), mutableRegistry({ '/x': [at(2)] })];
  a.fail(true);
  const { snapshots, errors, stop } = recordWatch(firstOf(a.registry, b.registry), '/**');
  await settled();
  expect(snapshots).toEqual([]);
  expect(errors).toEqual([new Error('The registry is down')]);
  a.fail(false);
  await settled();
  expect(snapshots).toEqual([{ '/x': ['p1'] }]);
  stop();
});

test('a watch that was ended stays ended, whatever a part still says', async () => {
  let tell = (): void => {};
  const talkative: Registry = {
    ...saying({ kind: 'absent' }),
    watch: (_glob, onSnapshot) => {
      tell = () => onSnapshot({});
      return () => {};
    },
  };
  const { snapshots, stop } = recordWatch(firstOf(talkative, { '/x': [at(2)] }), '/**');
  await settled();
  tell();
  expect(snapshots).toEqual([{ '/x': ['p2'] }]);
  stop();
  tell();
  expect(snapshots).toHaveLength(1);
});

test('a snapshot may say of a name that it is absent', async () => {
  const a: Registry = {
    ...saying({ kind: 'absent' }),
    watch: (_glob, onSnapshot) => {
      queueMicrotask(() => onSnapshot({ '/x': { kind: 'absent' } }));
      return () => {};
    },
  };
  const { snapshots } = recordWatch(firstOf(a, { '/x': [at(2)] }), '/**');
  await settled();
  expect(snapshots).toEqual([{ '/x': ['p2'] }]);
});

test('what one part cannot do, none can: part of a list is not a list', () => {
  const bare = saying({ kind: 'absent' });
  expect(Object.keys(firstOf({}, bare)).sort()).toEqual(['close', 'resolve']);
  expect(Object.keys(firstOf({}, {})).sort()).toEqual(['close', 'list', 'resolve', 'search', 'watch']);
});

test('a list fails if one part fails', async () => {
  const a = mutableRegistry({});
  const both = firstOf({ '/x': [] }, a.registry);
  a.fail(true);
  await expect(both.list?.('/**', anyContext)).rejects.toThrow('The registry is down');
  await expect(both.search?.('/**', {}, anyContext)).rejects.toThrow('The registry is down');
});

test('a watch that one part refuses is ended in the others', () => {
  const a = mutableRegistry({});
  const refusing: Registry = {
    ...saying({ kind: 'absent' }),
    watch: () => {
      throw new Error('No watches today');
    },
  };
  expect(() => recordWatch(firstOf(a.registry, refusing), '/**')).toThrow('No watches today');
  expect(a.watchCount()).toBe(0);
});

test('closing closes every part once, also when one of them fails', async () => {
  const [a, b] = [mutableRegistry({}), mutableRegistry({})];
  const broken: Registry = {
    ...saying({ kind: 'absent' }),
    close: () => {
      throw new Error('Stuck');
    },
  };
  await expect(firstOf(broken, a.registry, b.registry, a.registry, {}).close?.()).rejects.toThrow('Stuck');
  expect([a.closeCount(), b.closeCount()]).toEqual([1, 1]);
});

test('it needs at least one registry, and each must be one', () => {
  expect(() => firstOf()).toThrow('firstOf() needs at least one registry');
  expect(() => firstOf({}, undefined as never)).toThrow(
    'A registry is of type undefined; give an object with a resolve method',
  );
  expect(() => firstOf({ shop: [] })).toThrow("The registry has the key 'shop'");
});

test('a service is started by the registry that answers for it', async () => {
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
