import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches, parseGlob } from '../../src/core/glob.js';
import type { Registry, Resolution } from '../../src/core/registry.js';
import { firstOf } from '../../src/registry/first-of.js';
import { mount } from '../../src/registry/mount.js';
import { smallName } from '../core/name-arbitraries.js';
import { anyContext, lookup, mutableRegistry, flushPromises, recordWatch } from './mutable-registry.js';

const seed = 20_244;
const web = { id: 'web-1', address: 'http://10.0.0.1:80', zone: 'a' };

function registryOf(resolution: Resolution): Registry {
  return { resolve: async () => resolution };
}

test('names below the prefix are looked up in the mounted registry, without the prefix', async () => {
  const inner = mutableRegistry({ '/default/web': [web], '/k8s/web': [] });
  const mounted = mount('/k8s', inner.registry);
  expect(await lookup(mounted, '/k8s/default/web')).toMatchObject({
    kind: 'bound',
    endpoints: [{ id: 'web-1' }],
  });
  expect(await lookup(mounted, '/k8s/k8s/web')).toMatchObject({ kind: 'bound', endpoints: [] });
  expect(await lookup(mounted, '/k8s/none')).toMatchObject({ kind: 'absent' });
  expect(inner.lookups).toEqual(['/default/web', '/k8s/web', '/none']);
});

test('all other names are absent without a lookup', async () => {
  const inner = mutableRegistry({ '/default/web': [web] });
  const mounted = mount('/k8s', inner.registry);
  for (const name of ['/k8s', '/k8sx/default/web', '/default/web', '/a/k8s/default/web']) {
    expect(await lookup(mounted, name)).toEqual({ kind: 'absent', ttlMs: Infinity });
  }
  expect(inner.lookups).toEqual([]);
});

test('names in the results are translated', async () => {
  expect(
    await lookup(mount('/k8s', registryOf({ kind: 'link', target: '/web', ttlMs: 7 })), '/k8s/old'),
  ).toEqual({
    kind: 'link',
    target: '/k8s/web',
    ttlMs: 7,
  });
  const bound: Resolution = {
    kind: 'bound',
    endpoints: [web],
    canonical: '/web',
    revision: '7',
    path: [{ name: '/old', kind: 'link', guaranteedMs: 9 }],
    scheduled: [{ name: '/old', change: 'remove', appliesInMs: 9 }],
  };
  expect(await lookup(mount('/far/k8s', registryOf(bound)), '/far/k8s/old')).toEqual({
    ...bound,
    canonical: '/far/k8s/web',
    path: [{ name: '/far/k8s/old', kind: 'link', guaranteedMs: 9 }],
    scheduled: [{ name: '/far/k8s/old', change: 'remove', appliesInMs: 9 }],
  });
});

test('a failure of the mounted registry rejects', async () => {
  const inner = mutableRegistry({});
  inner.fail(true);
  await expect(lookup(mount('/k8s', inner.registry), '/k8s/web')).rejects.toThrow('The registry is down');
  await expect(lookup(mount('/k8s', registryOf(undefined as never)), '/k8s/web')).rejects.toThrow(
    "must be an object with the field 'kind'; got undefined",
  );
});

test('firstOf combines two registries into one name space', async () => {
  const both = firstOf(mount('/k8s', { '/web': web }), {
    '/shop/orders': 'http://127.0.0.1:3001',
    '/k8s/own': [],
  });
  expect(await both.list?.('/**', anyContext)).toEqual([
    { name: '/k8s/own', kind: 'service', endpoints: 0 },
    { name: '/k8s/web', kind: 'service', endpoints: 1 },
    { name: '/shop/orders', kind: 'service', endpoints: 1 },
  ]);
  expect(await both.search?.('/*/web', { zone: 'a' }, anyContext)).toMatchObject([
    { name: '/k8s/web', endpoints: [{ id: 'web-1' }] },
  ]);
  expect(await lookup(both, '/k8s/own')).toMatchObject({ kind: 'bound' });
  const { snapshots } = recordWatch(both, '/**');
  await flushPromises();
  expect(snapshots).toEqual([
    { '/k8s/web': ['web-1'], '/shop/orders': ['http://127.0.0.1:3001'], '/k8s/own': [] },
  ]);
});

test('the mounted registry gets the narrowest possible glob', async () => {
  const globs: string[] = [];
  const inner: Registry = { ...registryOf({ kind: 'absent' }), list: async (glob) => (globs.push(glob), []) };
  const mounted = mount('/k8s/east', inner);
  const inside: Record<string, string[]> = {
    '/k8s/east/web': ['/web'],
    '/k8s/east/**': ['/**'],
    '/k8s/**': ['/**'],
    '/**': ['/**'],
    '/*/*/web': ['/web'],
    '/k8s/e*/a/*': ['/a/*'],
    '/k8s/**/web': ['/**/web'],
    '/k8s/east': [],
    '/k8s/*': [],
    '/shop/**': [],
    '/k8s/east/**/**': ['/**'],
    '/k8s/**/east/**/web': ['/**'],
  };
  for (const [glob, expected] of Object.entries(inside)) {
    globs.length = 0;
    await mounted.list?.(glob, anyContext);
    expect(globs, glob).toEqual(expected);
  }
});

const smallGlob = fc
  .array(fc.constantFrom('**', '*', 'a', 'b', 'a*'), { minLength: 1, maxLength: 6 })
  .map((segments) => `/${segments.join('/')}`);

test('for any glob exactly the matching names are listed and watched', async () => {
  await fc.assert(
    fc.asyncProperty(
      smallName,
      fc.uniqueArray(smallName, { maxLength: 12 }),
      smallGlob,
      async (prefix, names, glob) => {
        const mounted = mount(prefix, Object.fromEntries(names.map((name) => [name, []])));
        const expected = names
          .map((name) => prefix + name)
          .filter((name) => matches(parseGlob(glob), name))
          .sort();
        expect((await mounted.list?.(glob, anyContext))?.map(({ name }) => name).sort()).toEqual(expected);
        const { snapshots } = recordWatch(mounted, glob);
        await flushPromises();
        expect(snapshots.map((snapshot) => Object.keys(snapshot as object).sort())).toEqual([expected]);
      },
    ),
    { seed, numRuns: 500 },
  );
});

test('targets of links in a list are translated', async () => {
  const inner: Registry = {
    ...registryOf({ kind: 'absent' }),
    list: async () => [{ name: '/old', kind: 'link', target: '/web' }],
  };
  expect(await mount('/k8s', inner).list?.('/**', anyContext)).toEqual([
    { name: '/k8s/old', kind: 'link', target: '/k8s/web' },
  ]);
});

test('names that are invalid below the prefix are absent', async () => {
  const long = `/${'a'.repeat(63)}`.repeat(3);
  const inner = { '/ok': [], '/#d7/orders': [], [`${long}/${'b'.repeat(50)}`]: [], ['/a'.repeat(16)]: [] };
  const mounted = mount('/far/away', inner);
  expect(await mounted.list?.('/**', anyContext)).toEqual([
    { name: '/far/away/ok', kind: 'service', endpoints: 0 },
  ]);
});

test('a watch that matches no mounted name reports one empty snapshot, asynchronously', async () => {
  const inner = mutableRegistry({ '/web': [web] });
  const mounted = mount('/k8s', inner.registry);
  const [one, ended] = [recordWatch(mounted, '/shop/**'), recordWatch(mounted, '/shop/**')];
  ended.stop();
  expect([one.snapshots, inner.watchCount()]).toEqual([[], 0]);
  await flushPromises();
  expect([one.snapshots, ended.snapshots]).toEqual([[{}], []]);
});

test('it has the operations of the mounted registry, and closes it', async () => {
  expect(Object.keys(mount('/k8s', registryOf({ kind: 'absent' }))).sort()).toEqual(['close', 'resolve']);
  const inner = mutableRegistry({});
  await mount('/k8s', inner.registry).close?.();
  expect(inner.closeCount()).toBe(1);
});

test('the prefix must be a valid name', () => {
  expect(() => mount('k8s', {})).toThrow("Mount prefix 'k8s' must begin with '/'");
  expect(() => mount('/', {})).toThrow('must have at least one segment');
  expect(() => mount('/k8s', null as never)).toThrow('A registry must be a URL or an object; got null');
});

test('start passes the name without the prefix', async () => {
  const started: string[] = [];
  const inner: Registry = {
    resolve: async () => ({ kind: 'bound', endpoints: [], startable: true }),
    start: async (name) => {
      started.push(name);
      return ['http://127.0.0.1:3001'];
    },
  };
  const mounted = mount('/k8s', inner);
  expect(await lookup(mounted, '/k8s/web')).toMatchObject({ startable: true });
  expect(await mounted.start?.('/k8s/web', anyContext)).toEqual(['http://127.0.0.1:3001']);
  expect(started).toEqual(['/web']);
});
