import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import type { Registry, Resolution } from '../../src/core/registry.js';
import { union } from '../../src/registry/union.js';
import { anyContext, lookup, mutableRegistry, flushPromises, recordWatch } from './mutable-registry.js';

const at = (port: number): { id: string; address: string } => ({
  id: `p${String(port)}`,
  address: `http://127.0.0.1:${String(port)}`,
});

/** A registry with the same response for every name. */
function registryOf(resolution: unknown): Registry {
  return { resolve: async () => resolution as Resolution };
}

test('the endpoints of all registries are merged', async () => {
  const all = union({ '/x': [at(1), at(2)], '/idle': [] }, { '/x': [at(3)], '/idle': [], '/y': at(4) });
  expect(await lookup(all, '/x')).toMatchObject({
    kind: 'bound',
    endpoints: [{ id: 'p1' }, { id: 'p2' }, { id: 'p3' }],
    ttlMs: Infinity,
  });
  expect(await lookup(all, '/y')).toMatchObject({ kind: 'bound', endpoints: [{ id: 'p4' }] });
  expect(await lookup(all, '/idle')).toEqual({ kind: 'bound', endpoints: [], ttlMs: Infinity });
  expect(await lookup(all, '/z')).toEqual({ kind: 'absent', ttlMs: 1_000 });
});

test('an instance listed several times appears once: with the highest epoch, else from the first', async () => {
  const all = union(
    { '/x': [{ ...at(1), zone: 'a' }, { ...at(2), epoch: 1 }, 'http://127.0.0.1:3'] },
    { '/x': [{ ...at(1), zone: 'b' }, { ...at(2), epoch: 2, zone: 'new' }, 'http://127.0.0.1:3/'] },
  );
  expect(await lookup(all, '/x')).toMatchObject({
    endpoints: [{ id: 'p1', zone: 'a' }, { id: 'p2', epoch: 2, zone: 'new' }, { id: 'http://127.0.0.1:3' }],
  });
  // An endpoint may be written in several ways.
  const ways = [new URL('http://127.0.0.1:3'), 'http://127.0.0.1:3', { addresses: ['http://127.0.0.1:3/'] }];
  const many = union(...ways.map((endpoint) => registryOf({ kind: 'bound', endpoints: [endpoint] })));
  expect(((await lookup(many, '/x')) as { endpoints: unknown[] }).endpoints).toHaveLength(1);
});

test('a failure of one registry rejects: the set would be incomplete', async () => {
  const [a, b] = [mutableRegistry({ '/x': [at(1)] }), mutableRegistry({ '/x': [at(2)] })];
  const all = union(a.registry, b.registry);
  b.fail(true);
  await expect(lookup(all, '/x')).rejects.toThrow('The registry is down');
  await expect(all.list?.('/**', anyContext)).rejects.toThrow('The registry is down');
  b.fail(false);
  expect(await lookup(all, '/x')).toMatchObject({ endpoints: [{ id: 'p1' }, { id: 'p2' }] });
});

test('the shortest ttlMs counts, also that of an absent name', async () => {
  const bound = (times: object): Registry => registryOf({ kind: 'bound', endpoints: [], ...times });
  const ttlOf = async (...parts: Registry[]): Promise<unknown> =>
    ((await lookup(union(...parts), '/x')) as { ttlMs: unknown }).ttlMs;
  expect(await ttlOf(bound({ ttlMs: 9_000 }), bound({ ttlMs: 700 }))).toBe(700);
  expect(await ttlOf(bound({ ttlMs: Infinity }), bound({}))).toBe(5_000);
  expect(await ttlOf(bound({ ttlMs: Infinity }), bound({ guaranteedMs: 40_000 }))).toBe(40_000);
  expect(await ttlOf(bound({ ttlMs: 9_000, guaranteedMs: 200 }), bound({}))).toBe(200);
  expect(await ttlOf(bound({ ttlMs: 9_000 }), registryOf({ kind: 'absent' }))).toBe(1_000);
  expect(await ttlOf(registryOf({ kind: 'absent', ttlMs: 50 }), registryOf({ kind: 'absent' }))).toBe(50);
});

test('each field of the service config comes from the first registry that sets it, revisions are dropped', async () => {
  const merged = await lookup(
    union(
      registryOf({ kind: 'bound', endpoints: [], revision: '7' }),
      registryOf({ kind: 'bound', endpoints: [], revision: '3', policy: 'round-robin' }),
      registryOf({ kind: 'bound', endpoints: [], timeoutMs: 700, retries: false }),
      registryOf({
        kind: 'bound',
        endpoints: [],
        policy: 'random',
        timeoutMs: 900,
        attemptTimeoutMs: 50,
        retries: {},
      }),
    ),
    '/x',
  );
  expect(merged).toEqual({
    kind: 'bound',
    endpoints: [],
    ttlMs: 5_000,
    policy: 'round-robin',
    timeoutMs: 700,
    attemptTimeoutMs: 50,
    retries: false,
  });
});

test('links are not merged: the first registry that has the name decides', async () => {
  const link = registryOf({ kind: 'link', target: '/y' });
  expect(await lookup(union({}, link, { '/x': [at(1)] }), '/x')).toEqual({
    kind: 'link',
    target: '/y',
    ttlMs: 1_000,
  });
  expect(await lookup(union({ '/x': [at(1)] }, link), '/x')).toMatchObject({
    kind: 'bound',
    endpoints: [{ id: 'p1' }],
  });
});

test('an invalid endpoint is REGISTRY_INVALID', async () => {
  const resolving = lookup(union({}, registryOf({ kind: 'bound', endpoints: ['nowhere'] })), '/x');
  await expect(resolving).rejects.toSatisfy(
    (error) =>
      isClerkError(error) && error.code === 'REGISTRY_INVALID' && error.message.includes("Address 'nowhere'"),
  );
});

test('a list has a count of endpoints only for names of one registry', async () => {
  const all = union({ '/x': [at(1)], '/a': [at(2)] }, { '/x': [at(1), at(3)], '/b': [] }, { '/x': [] });
  expect(await all.list?.('/**', anyContext)).toEqual([
    { name: '/a', kind: 'service', endpoints: 1 },
    { name: '/b', kind: 'service', endpoints: 0 },
    { name: '/x', kind: 'service' },
  ]);
});

test('a search finds matches of all registries, each instance once', async () => {
  const gold = { attributes: { tier: 'gold' } };
  const all = union(
    { '/x': [{ ...at(1), ...gold }, at(2)] },
    {
      '/x': [
        { ...at(1), ...gold },
        { ...at(3), ...gold },
      ],
      '/y': [at(4)],
    },
  );
  expect(await all.search?.('/**', { tier: 'gold' }, anyContext)).toMatchObject([
    { name: '/x', endpoints: [{ id: 'p1' }, { id: 'p3' }] },
  ]);
});

test('a watch reports every change of a part, once all have reported', async () => {
  const [a, b] = [mutableRegistry({ '/x': [at(1)] }), mutableRegistry({ '/x': [at(2)], '/y': [at(3)] })];
  const { snapshots, stop } = recordWatch(union(a.registry, b.registry), '/**');
  await flushPromises();
  b.remove('/x');
  await flushPromises();
  a.put('/y', [at(3), at(4)]);
  await flushPromises();
  expect(snapshots).toEqual([
    { '/x': ['p1', 'p2'], '/y': ['p3'] },
    { '/x': ['p1'], '/y': ['p3'] },
    { '/x': ['p1'], '/y': ['p3', 'p4'] },
  ]);
  stop();
  a.put('/x', []);
  await flushPromises();
  expect(snapshots).toHaveLength(3);
  expect([a.watchCount(), b.watchCount()]).toEqual([0, 0]);
});

test('it needs at least one registry', () => {
  expect(() => union()).toThrow('union() must be called with at least one registry');
});
