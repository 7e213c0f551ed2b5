import { expect, test } from 'vitest';
import { limits } from '../../../../src/protocol/limits.js';
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
  for (const ms of [0, 1, maxLeaseMs]) expect(await guarantee(ms)).toBe('done');
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
