import { expect, test } from 'vitest';
import { codeOf, registration, localCaller, thrownBy, nameServerHarness } from './name-server-harness.js';

test('a service registers, is looked up and withdraws', async () => {
  const { names, runtime } = await nameServerHarness();
  expect(thrownBy(() => names.resolve('/shop/orders'))).toMatchObject({ code: 'NAME_NOT_FOUND' });
  const { epoch, leaseMs } = await names.register(registration('/shop/orders', 'a'), localCaller);
  expect({ epoch, leaseMs }).toEqual({ epoch: 1, leaseMs: 10_000 });
  expect(names.resolve('/shop/orders')).toMatchObject({
    canonical: '/shop/orders',
    kind: 'service',
    path: [{ name: '/shop/orders', kind: 'service', guaranteedMs: 5_000 }],
    endpoints: [{ id: 'a', epoch: 1, addresses: ['http://127.0.0.1:3001'], state: 'up', leaseMs: 10_000 }],
    policy: null,
    launchable: false,
    revision: '1',
    guaranteedMs: 5_000,
    ttlMs: 5_000,
  });
  expect((await names.withdraw({ name: '/shop/orders', id: 'a', epoch })).appliesInMs).toBe(5_250);
  expect(names.resolve('/shop/orders').endpoints).toMatchObject([{ id: 'a', state: 'draining' }]);
  await runtime.advance(5_000);
  expect(names.resolve('/shop/orders').endpoints).toHaveLength(1);
  await runtime.advance(2_000);
  expect(names.resolve('/shop/orders').endpoints).toEqual([]);
});

test('a renewed lease continues, and one that is not renewed expires', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'one', { leaseMs: 3_000 }), localCaller);
  for (let i = 0; i < 10; i++) {
    await runtime.advance(2_900);
    expect(names.renew({ renewals: [{ name: '/a', id: 'one', epoch: 1 }] }).results).toEqual(['renewed']);
  }
  await runtime.advance(2_999);
  expect(names.resolve('/a').endpoints).toHaveLength(1);
  await runtime.advance(2_001);
  expect(names.resolve('/a').endpoints).toHaveLength(0);
  expect(names.renew({ renewals: [{ name: '/a', id: 'one', epoch: 1 }] }).results).toEqual(['lost']);
  expect((await names.register(registration('/a', 'one', { epoch: 1 }), localCaller)).epoch).toBe(1);
});

test('links are followed, as whole names and as prefixes', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/cms/host1/query', 'a'), localCaller);
  await names.link({ name: '/vfs1', target: '/cms/host1' });
  expect(names.resolve('/vfs1/query')).toMatchObject({
    name: '/vfs1/query',
    canonical: '/cms/host1/query',
    path: [
      { name: '/vfs1', kind: 'link' },
      { name: '/cms/host1/query', kind: 'service' },
    ],
    endpoints: [{ id: 'a' }],
  });
  expect(names.resolve('/vfs1')).toMatchObject({ kind: 'directory', canonical: '/cms/host1' });
  await names.link({ name: '/x', target: '/y' });
  await names.link({ name: '/y', target: '/x' });
  expect(thrownBy(() => names.resolve('/x/z'))).toMatchObject({
    code: 'NAME_NOT_FOUND',
    message: expect.stringContaining('form a cycle'),
  });
  expect(await codeOf(names.define({ name: '/vfs1' }))).toBe('FORBIDDEN');
  await names.define({ name: '/vfs1/new' });
  expect(names.resolve('/cms/host1/new').canonical).toBe('/cms/host1/new');
});

test('an entry does not change before its guarantee has ended', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.define({ name: '/a', policy: 'random', guaranteedMs: 3_000 });
  await names.define({ name: '/a', policy: 'round-robin' });
  names.resolveJson('/a');
  await runtime.advance(1_000);
  await expect(names.define({ name: '/a', policy: 'affinity' })).rejects.toMatchObject({
    code: 'CHANGE_TOO_EARLY',
    remainingMs: 2_250,
  });
  expect((await names.define({ name: '/a', policy: 'affinity', whenExpired: true })).appliesInMs).toBe(2_250);
  await runtime.advance(1_000);
  expect(names.resolve('/a')).toMatchObject({ policy: 'round-robin', guaranteedMs: 1_000 });
  await runtime.advance(1_200);
  expect(names.resolve('/a')).toMatchObject({ policy: 'round-robin', guaranteedMs: 0 });
  await runtime.advance(50);
  expect(names.resolve('/a')).toMatchObject({ policy: 'affinity', guaranteedMs: 3_000 });
});

test('a moved directory keeps its identifier, and its old name links to the new one', async () => {
  const { names } = await nameServerHarness();
  const { id } = await names.directory({ name: '/dept' });
  await names.register(registration('/dept/orders', 'a'), localCaller);
  expect(names.resolve(`/${id}/orders`)).toMatchObject({
    canonical: '/dept/orders',
    endpoints: [{ id: 'a' }],
  });
  names.resolve('/dept/orders');
  await names.move({ from: '/dept', to: '/org/dept' });
  for (const name of [`/${id}/orders`, '/dept/orders', '/org/dept/orders'])
    expect(names.resolve(name)).toMatchObject({ canonical: '/org/dept/orders', endpoints: [{ id: 'a' }] });
  expect(names.renew({ renewals: [{ name: '/dept/orders', id: 'a', epoch: 1 }] }).results).toEqual([
    'renewed',
  ]);
  expect(await codeOf(names.move({ from: '/org', to: '/org/below' }))).toBe('FORBIDDEN');
});

test('list returns names in order, page by page', async () => {
  const { names } = await nameServerHarness();
  for (const name of ['/a/b', '/a-b', '/a', '/b/c/d', '/a/b/c']) await names.define({ name });
  const list = (glob: string, after?: string, maxEntries = 10) => {
    const { entries, next } = names.list(glob, after, maxEntries);
    return [
      ...entries.map(({ name, kind }) => (kind === 'service' ? name : `${name}/`)),
      ...(next ? [`… ${next}`] : []),
    ];
  };
  expect(list('/**')).toEqual(['/a', '/a/b', '/a/b/c', '/a-b', '/b/c/d']);
  expect(list('/*')).toEqual(['/a', '/a-b', '/b/']);
  expect(list('/a/**')).toEqual(['/a', '/a/b', '/a/b/c']);
  expect(list('/a*')).toEqual(['/a', '/a-b']);
  expect(list('/*/*')).toEqual(['/a/b', '/b/c/']);
  expect(list('/b')).toEqual(['/b/']);
  expect(list('/**', undefined, 2)).toEqual(['/a', '/a/b', '… /a/b']);
  expect(list('/**', '/a/b', 2)).toEqual(['/a/b/c', '/a-b', '… /a-b']);
  expect(list('/**', '/a-b', 2)).toEqual(['/b/c/d']);
});
