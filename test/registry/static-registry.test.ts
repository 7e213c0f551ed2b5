import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { staticRegistry } from '../../src/registry/static-registry.js';
import { toRegistry } from '../../src/registry/to-registry.js';
import { anyContext, lookup, flushPromises, recordWatch } from './mutable-registry.js';

function creationError(input: unknown, make: (input: any) => unknown = staticRegistry): string {
  try {
    make(input);
  } catch (error) {
    if (isClerkError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

const address = 'http://127.0.0.1:3001';

test('an address, an endpoint and a list of both all become lists', async () => {
  const registry = staticRegistry({
    '/shop/orders': address,
    '/shop/stock': { address, zone: 'a' },
    '/shop/mail': [new URL('http://127.0.0.1:3002'), { id: 'mail-2', address, weight: 0 }],
  });
  const rest = { epoch: 0, state: 'up', attributes: {}, enumeratedAddresses: [], namesInstance: false };
  expect(await lookup(registry, '/shop/orders')).toEqual({
    kind: 'bound',
    endpoints: [{ id: address, addresses: [address], weight: 1, ...rest }],
    ttlMs: Infinity,
    guaranteedMs: Infinity,
    namesBelow: false,
  });
  expect(await lookup(registry, '/shop/stock')).toMatchObject({ endpoints: [{ id: address, zone: 'a' }] });
  expect(await lookup(registry, '/shop/mail')).toMatchObject({
    endpoints: [{ id: 'http://127.0.0.1:3002' }, { id: 'mail-2', weight: 0 }],
  });
});

test('an empty list is a service without endpoints; other names are absent', async () => {
  const registry = staticRegistry({ '/shop/orders': [] });
  expect(await lookup(registry, '/shop/orders')).toEqual({
    kind: 'bound',
    endpoints: [],
    ttlMs: Infinity,
    guaranteedMs: Infinity,
    namesBelow: false,
  });
  expect(await lookup(registry, '/shop')).toEqual({ kind: 'absent', ttlMs: 1_000 });
  expect(await lookup(staticRegistry({}), '/shop/orders')).toEqual({ kind: 'absent', ttlMs: 1_000 });
});

test('later changes of the given object have no effect, and results are frozen', async () => {
  const attributes = { tier: 'gold' };
  const list = [{ id: 'a', address, attributes }];
  const addresses: Record<string, (typeof list)[number][]> = { '/shop/orders': list };
  const registry = staticRegistry(addresses);
  attributes.tier = 'silver';
  list.length = 0;
  delete addresses['/shop/orders'];
  addresses['/shop/late'] = [];
  const resolution = (await lookup(registry, '/shop/orders')) as { endpoints: { attributes: unknown }[] };
  expect(resolution).toMatchObject({ endpoints: [{ id: 'a', attributes: { tier: 'gold' } }] });
  expect(await lookup(registry, '/shop/late')).toMatchObject({ kind: 'absent' });
  expect(() => resolution.endpoints.pop()).toThrow(TypeError);
  for (const part of [resolution, resolution.endpoints[0], resolution.endpoints[0]?.attributes])
    expect(Object.isFrozen(part)).toBe(true);
});

test('a key that is not an absolute name is rejected with a hint', () => {
  expect(creationError({ 'shop/orders': address })).toBe(
    "CONFIG_INVALID: Keys of static addresses must be absolute names such as '/shop/orders'; got 'shop/orders'. If the object is a custom registry, add a resolve method",
  );
  expect(creationError({ '/Shop': address })).toBe(
    "NAME_INVALID: Registry key '/Shop' is invalid at segment 1: 'Shop' must be lower case; got the capital 'S'",
  );
  expect(creationError({ '/shop/': address })).toMatch(/^NAME_INVALID: /);
  expect(creationError({ '/shop/*': address })).toMatch(/^NAME_INVALID: /);
  expect(creationError({ resolv: () => undefined })).toMatch(
    /^CONFIG_INVALID: Keys of static addresses must be .*; got 'resolv'. /,
  );
  expect(creationError(JSON.parse(`{"__proto__":["${address}"]}`))).toMatch(
    /^CONFIG_INVALID: Keys of static addresses must be .*; got '__proto__'. /,
  );
});

test('all endpoints are validated at creation', () => {
  const of = (value: unknown): string => creationError({ '/shop/ok': address, '/shop/orders': value });
  expect(of('127.0.0.1:3001')).toMatch(
    /^CONFIG_INVALID: Endpoint of \/shop\/orders has an invalid address: Address '127.0.0.1:3001' must have the form/,
  );
  expect(of([address, { address, wait: 1 }])).toMatch(
    /^CONFIG_INVALID: Endpoint of \/shop\/orders has the unknown field 'wait'/,
  );
  expect(of(undefined)).toMatch(
    /^CONFIG_INVALID: Endpoint of \/shop\/orders must be an address, or an object with an address; got undefined/,
  );
  expect(of([address, , address])).toMatch(/got undefined/); // eslint-disable-line no-sparse-arrays
  expect(of([[address]])).toMatch(/got a list/);
  expect(of([address, `${address}/`])).toBe(
    `CONFIG_INVALID: Instance ids of /shop/orders must be unique; got '${address}' twice; remove one of the two endpoints, or change its id`,
  );
  expect(
    of([
      { id: 'a', address },
      { id: 'a', address: 'http://127.0.0.1:3002' },
    ]),
  ).toMatch(/Instance ids of \/shop\/orders must be unique; got 'a' twice/);
  expect(
    of([
      { id: 'a', address },
      { id: 'b', address },
    ]),
  ).toBe('accepted');
});

test('only a plain object is accepted as addresses', () => {
  for (const input of [
    new Map([['/shop/orders', address]]),
    [address],
    new Set(),
    new Date(0),
    new (class {})(),
  ]) {
    expect(creationError(input)).toMatch(/^CONFIG_INVALID: The registry must be a plain object/);
  }
  expect(creationError(Object.assign(Object.create(null), { '/shop/orders': address }))).toBe('accepted');
  for (const input of [undefined, null, 7, true, () => undefined]) {
    expect(creationError(input, toRegistry)).toMatch(
      /^CONFIG_INVALID: A registry must be a URL or an object; got .+; pass the URL of a registry server, an object with a resolve method/,
    );
  }
});

test('an object with resolve is a port, also an inherited one', () => {
  class Port {
    resolve(): { kind: 'absent' } {
      return { kind: 'absent' };
    }
  }
  const port = new Port();
  expect(toRegistry(port)).toBe(port);
});

test('lists and searches are sorted by name', async () => {
  const registry = staticRegistry({
    '/b/x': address,
    '/a': [],
    '/b': [
      { id: 'b1', address, zone: 'a' },
      { id: 'b2', address, zone: 'b' },
    ],
  });
  expect(await registry.list?.('/**', anyContext)).toEqual([
    { name: '/a', kind: 'service', endpoints: 0 },
    { name: '/b', kind: 'service', endpoints: 2 },
    { name: '/b/x', kind: 'service', endpoints: 1 },
  ]);
  expect(await registry.list?.('/c/**', anyContext)).toEqual([]);
  expect(await registry.search?.('/**', { zone: 'b' }, anyContext)).toMatchObject([
    { name: '/b', endpoints: [{ id: 'b2' }] },
  ]);
  expect(await registry.search?.('/**', { id: 'b1' }, anyContext)).toMatchObject([
    { name: '/b', endpoints: [{ id: 'b1' }] },
  ]);
  expect(await registry.search?.('/**', {}, anyContext)).toMatchObject([{ name: '/b' }, { name: '/b/x' }]);
  await expect(registry.list?.('/b/', anyContext)).rejects.toThrow("must not end with '/'");
});

test('a watch reports one snapshot, and none after it was ended', async () => {
  const registry = staticRegistry({ '/a': [{ id: 'a1', address }], '/b': [] });
  const [all, none] = [recordWatch(registry, '/**'), recordWatch(registry, '/**')];
  none.stop();
  expect(all.snapshots).toEqual([]);
  await flushPromises();
  expect(all.snapshots).toEqual([{ '/a': ['a1'], '/b': [] }]);
  expect(none.snapshots).toEqual([]);
});

test('a service states whether other names of the table are below it', async () => {
  const registry = staticRegistry({ '/shop': address, '/shop/orders': address, '/shop2': address });
  expect(await lookup(registry, '/shop')).toMatchObject({ namesBelow: true });
  expect(await lookup(registry, '/shop/orders')).toMatchObject({ namesBelow: false });
  expect(await lookup(registry, '/shop2')).toMatchObject({ namesBelow: false });
});
