import { expect, test } from 'vitest';
import { limits } from '../../../../src/protocol/limits.js';
import { maxRegistryResponseBytes } from '../../../../src/registry-client/json-response.js';
import { codeOf, localCaller, nameServerHarness, registration, thrownBy } from '../name-server-harness.js';

test('limits accept their value and reject one more', async () => {
  const { names } = await nameServerHarness({ maxEndpoints: 3, maxRegistrations: 5 });
  for (const id of ['1', '2', '3']) await names.register(registration('/a', id), localCaller);
  expect(await codeOf(names.register(registration('/a', '4'), localCaller))).toBe('LIMIT_EXCEEDED');
  expect(await codeOf(names.register(registration('/a', '3'), localCaller))).toBe('done');
  for (const id of ['4', '5']) await names.register(registration('/b', id), localCaller);
  expect(await codeOf(names.register(registration('/b', '6'), localCaller))).toBe('LIMIT_EXCEEDED');
  expect(await codeOf(names.register(registration('/b', '6'), { principal: 'other' }))).toBe('done');
  expect(await codeOf(names.register(registration('/b', '6'), localCaller))).toBe('LIMIT_EXCEEDED');
  await names.withdraw({ name: '/b', id: '5', epoch: 2, now: true });
  expect(await codeOf(names.register(registration('/b', '6'), localCaller))).toBe('done');

  const lease = (leaseMs: number) =>
    codeOf(names.register(registration('/a', '1', { leaseMs }), localCaller));
  const { minLeaseMs, maxLeaseMs } = limits;
  for (const ms of [minLeaseMs, minLeaseMs + 1, maxLeaseMs - 1, maxLeaseMs])
    expect(await lease(ms)).toBe('done');
  for (const ms of [minLeaseMs - 1, maxLeaseMs + 1, 1_000.5, NaN, Infinity, -1, 1e308])
    expect(await lease(ms)).toBe('CONFIG_INVALID');
  const guarantee = (guaranteedMs: number) => codeOf(names.define({ name: '/p', guaranteedMs }));
  const { maxGuaranteedMs } = limits;
  for (const ms of [0, 1, maxGuaranteedMs]) expect(await guarantee(ms)).toBe('done');
  for (const ms of [maxGuaranteedMs + 1, maxLeaseMs]) expect(await guarantee(ms)).toBe('LIMIT_EXCEEDED');
  for (const ms of [-1, maxLeaseMs + 1, 0.5]) expect(await guarantee(ms)).toBe('CONFIG_INVALID');

  const renewals = Array.from({ length: limits.maxBatch + 1 }, () => ({ name: '/a', id: '1', epoch: 1 }));
  expect(names.renew({ renewals: renewals.slice(1) }).results).toHaveLength(limits.maxBatch);
  expect(thrownBy(() => names.renew({ renewals }))).toMatchObject({ code: 'LIMIT_EXCEEDED' });

  const open = (count: number) =>
    thrownBy(() =>
      names.watch({
        id: 'w',
        globs: Array.from({ length: count }, (_, i) => `/g${i}`),
        since: undefined,
        onEvent: () => {},
      }),
    );
  expect(open(limits.maxGlobs)).toBeUndefined();
  expect(open(limits.maxGlobs + 1)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
});

test('quotas count the registrations of the same batch', async () => {
  const { names } = await nameServerHarness({ maxRegistrations: 2 });
  const codes = ['i', 'i', 'j', 'j', 'k'].map((id) =>
    codeOf(names.register(registration('/a', id), localCaller)),
  );
  expect(await Promise.all(codes)).toEqual(['done', 'done', 'done', 'done', 'LIMIT_EXCEEDED']);
});

/** A registration whose endpoint has `bytes` bytes of JSON. */
function registrationOf(name: string, id: string, bytes: number) {
  const { addresses, leaseMs = 10_000 } = registration(name, id);
  const endpoint = { id, epoch: 1, addresses, host: null, zone: null, version: null, weight: 1 };
  const empty = JSON.stringify({ ...endpoint, attributes: { p: '' }, leaseMs, state: 'up' });
  return registration(name, id, { attributes: { p: 'x'.repeat(bytes - empty.length) }, leaseMs });
}

test('an endpoint has at most 8 KiB of JSON, in UTF-8', async () => {
  const { names } = await nameServerHarness();
  const register = (id: string, bytes: number) =>
    codeOf(names.register(registrationOf(`/${id}`, id, bytes), localCaller));
  expect(await register('a', limits.maxEndpointBytes - 1)).toBe('done');
  expect(await register('b', limits.maxEndpointBytes)).toBe('done');
  expect(await register('c', limits.maxEndpointBytes + 1)).toBe('LIMIT_EXCEEDED');
  const attributes = { p: 'é'.repeat(5_000) };
  await expect(names.register(registration('/d', 'd', { attributes }), localCaller)).rejects.toThrow(
    /at most 8192 bytes of JSON, attributes included; instance 'd' of \/d has 10[0-9]{3}; use fewer/,
  );
});

test('the endpoints of a service fit into the largest response that a clerk reads', async () => {
  const { names } = await nameServerHarness();
  const register = (id: string, bytes: number) =>
    codeOf(names.register(registrationOf('/a', id, bytes), localCaller));
  let accepted = 0;
  while ((await register(`i${String(1_000 + accepted)}`, 8_000)) === 'done') accepted++;
  const size = names.resolveJson('/a')?.length ?? 0;
  expect(size).toBeLessThan(maxRegistryResponseBytes);
  expect(size).toBeGreaterThan(0.9 * limits.maxServiceBytes);
  // An instance may register again, also with fewer bytes. Its withdrawal makes room.
  expect(await register('i1000', 8_000)).toBe('done');
  await names.withdraw({ name: '/a', id: 'i1001', epoch: 2, now: true });
  expect(await register('new', 8_000)).toBe('done');
  expect(await register('more', 8_000)).toBe('LIMIT_EXCEEDED');
});

test.each([
  ...['http://169.254.169.254', 'https://[::ffff:169.254.169.254]:443', 'http://0.0.0.0:80', 'tcp://[::]:1'],
  'http://[64:ff9b::a9fe:a9fe]',
])('an endpoint must not have the unspecified or metadata address %s', async (address) => {
  const { names } = await nameServerHarness();
  const addresses = ['http://10.0.0.1:80', address];
  expect(await codeOf(names.register(registration('/a', '1', { addresses }), localCaller))).toBe(
    'CONFIG_INVALID',
  );
  expect(names.resolveJson('/a')).toBeUndefined();
});

test('loopback and link-local addresses are registered', async () => {
  const { names } = await nameServerHarness();
  const addresses = [
    'http://127.0.0.1:80',
    'http://[::ffff:127.0.0.1]:80',
    'http://169.254.7.7',
    'http://[fe80::1]',
  ];
  expect(await codeOf(names.register(registration('/a', '1', { addresses }), localCaller))).toBe('done');
});

test('the weight of an endpoint is at most 1,000', async () => {
  const { names } = await nameServerHarness();
  const register = (weight: number) =>
    codeOf(names.register(registration('/a', '1', { weight }), localCaller));
  expect([await register(1_000), await register(1_000.5), await register(1e308)]).toEqual([
    ...['done', 'CONFIG_INVALID', 'CONFIG_INVALID'],
  ]);
});
