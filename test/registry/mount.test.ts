import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches, parseGlob } from '../../src/core/glob.js';
import type { Registry, Resolution } from '../../src/core/registry.js';
import { firstOf } from '../../src/registry/first-of.js';
import { mount } from '../../src/registry/mount.js';
import { smallName } from '../core/name-arbitraries.js';
import { anyContext, lookup, mutableRegistry, settled, recordWatch } from './mutable-registry.js';

const seed = 20_244;
const web = { id: 'web-1', address: 'http://10.0.0.1:80', zone: 'a' };

function saying(resolution: Resolution): Registry {
  return { resolve: async () => resolution };
}

test('names below the prefix are answered by the other registry, with the prefix taken off', async () => {
  const inner = mutableRegistry({ '/default/web': [web], '/k8s/web': [] });
  const mounted = mount('/k8s', inner.registry);
  expect(await lookup(mounted, '/k8s/default/web')).toMatchObject({
    kind: 'bound',
    endpoints: [{ id: 'web-1' }],
  });
  expect(await lookup(mounted, '/k8s/k8s/web')).toMatchObject({ kind: 'bound', endpoints: [] });
  expect(await lookup(mounted, '/k8s/nobody')).toMatchObject({ kind: 'absent' });
  expect(inner.lookups).toEqual(['/default/web', '/k8s/web', '/nobody']);
});

test('all other names are absent without a question', async () => {
  const inner = mutableRegistry({ '/default/web': [web] });
  const mounted = mount('/k8s', inner.registry);
  for (const name of ['/k8s', '/k8sx/default/web', '/default/web', '/a/k8s/default/web']) {
    expect(await lookup(mounted, name)).toEqual({ kind: 'absent', ttlMs: Infinity });
  }
  expect(inner.lookups).toEqual([]);
});

test('what is said of names inside is said of names outside', async () => {
  expect(await lookup(mount('/k8s', saying({ kind: 'link', target: '/web', ttlMs: 7 })), '/k8s/old')).toEqual(
    {
      kind: 'link',
      target: '/k8s/web',
      ttlMs: 7,
    },
  );
  const bound: Resolution = {
    kind: 'bound',
    endpoints: [web],
    canonical: '/web',
    revision: '7',
    path: [{ name: '/old', kind: 'link', guaranteedMs: 9 }],
  };
  expect(await lookup(mount('/far/k8s', saying(bound)), '/far/k8s/old')).toEqual({
    ...bound,
    canonical: '/far/k8s/web',
    path: [{ name: '/far/k8s/old', kind: 'link', guaranteedMs: 9 }],
  });
});

test('a failure inside is a failure', async () => {
  const inner = mutableRegistry({});
  inner.fail(true);
  await expect(lookup(mount('/k8s', inner.registry), '/k8s/web')).rejects.toThrow('The registry is down');
  await expect(lookup(mount('/k8s', saying(undefined as never)), '/k8s/web')).rejects.toThrow(
    'is undefined, not an object with a kind',
  );
});

test('two registries make one name space', async () => {
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
  await settled();
  expect(snapshots).toEqual([
    { '/k8s/web': ['web-1'], '/shop/orders': ['http://127.0.0.1:3001'], '/k8s/own': [] },
  ]);
});

test('the other registry is asked for no more than is needed, where one glob can say it', async () => {
  const globs: string[] = [];
  const inner: Registry = { ...saying({ kind: 'absent' }), list: async (glob) => (globs.push(glob), []) };
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

test('whatever the glob, exactly the names that it fits are listed and watched', async () => {
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
        await settled();
        expect(snapshots.map((snapshot) => Object.keys(snapshot as object).sort())).toEqual([expected]);
      },
    ),
    { seed, numRuns: 500 },
  );
});

test('a link in a list points to a name outside', async () => {
  const inner: Registry = {
    ...saying({ kind: 'absent' }),
    list: async () => [{ name: '/old', kind: 'link', target: '/web' }],
  };
  expect(await mount('/k8s', inner).list?.('/**', anyContext)).toEqual([
    { name: '/k8s/old', kind: 'link', target: '/k8s/web' },
  ]);
});

test('names that cannot be spelled below the prefix are not there', async () => {
  const long = `/${'a'.repeat(63)}`.repeat(3);
  const inner = { '/ok': [], '/#d7/orders': [], [`${long}/${'b'.repeat(50)}`]: [], ['/a'.repeat(16)]: [] };
  const mounted = mount('/far/away', inner);
  expect(await mounted.list?.('/**', anyContext)).toEqual([
    { name: '/far/away/ok', kind: 'service', endpoints: 0 },
  ]);
});

test('a watch that can see nothing says so once, in its turn', async () => {
  const inner = mutableRegistry({ '/web': [web] });
  const mounted = mount('/k8s', inner.registry);
  const [one, ended] = [recordWatch(mounted, '/shop/**'), recordWatch(mounted, '/shop/**')];
  ended.stop();
  expect([one.snapshots, inner.watchCount()]).toEqual([[], 0]);
  await settled();
  expect([one.snapshots, ended.snapshots]).toEqual([[{}], []]);
});

test('it can do what the other registry can, and closes it', async () => {
  expect(Object.keys(mount('/k8s', saying({ kind: 'absent' }))).sort()).toEqual(['close', 'resolve']);
  const inner = mutableRegistry({});
  await mount('/k8s', inner.registry).close?.();
  expect(inner.closeCount()).toBe(1);
});

test('the prefix is a name', () => {
  expect(() => mount('k8s', {})).toThrow("Prefix of a mount 'k8s' must begin with '/'");
  expect(() => mount('/', {})).toThrow('must have at least one segment');
  expect(() => mount('/k8s', null as never)).toThrow('A registry is of type null');
});

test('what is mounted is started under its own name', async () => {
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
