import { expect, test } from 'vitest';
import { codeOf, registration } from '../name-server-harness.js';
import { operator, pin, securedHarness } from './identity-harness.js';

test('a revoked key ends at once and for good, with its endpoints', async () => {
  const harness = await securedHarness();
  const { names, identities } = harness;
  const first = await harness.enrol('/a', pin(1));
  const second = await harness.enrol('/a', pin(2));
  await harness.allow('/a', '/shared', 'advertise');
  await names.register(registration('/a', 'i'), first);
  await names.register(registration('/a', 'j'), second);
  await names.register(registration('/shared', 'k'), first);
  expect(await identities.revoke({ principal: '/a', key: pin(1) }, operator)).toEqual({
    revoked: [pin(1)],
    ticketsEndInMs: 330_000,
  });
  expect(identities.ownerOf(pin(1))).toBeUndefined();
  expect(names.resolve('/a').endpoints.map(({ id }) => id)).toEqual(['j']);
  expect(names.resolve('/shared').endpoints).toEqual([]);
  expect(await codeOf(harness.enrol('/a', pin(1)))).toBe('TICKET_REFUSED');
  await harness.restart();
  expect(harness.identities.ownerOf(pin(1))).toBeUndefined();
  expect(harness.identities.ownerOf(pin(2))).toEqual({ principal: '/a' });
  expect(await codeOf(harness.identities.revoke({ principal: '/a', key: pin(1) }, operator))).toBe(
    'NAME_NOT_FOUND',
  );
});

test('a registration that waits behind the revocation of its key is refused', async () => {
  const { names, identities, enrol } = await securedHarness();
  const service = await enrol('/a', pin(1));
  const codes = await Promise.all([
    codeOf(names.register(registration('/a', 'i'), service)),
    codeOf(identities.revoke({ principal: '/a', key: pin(1) }, operator)),
    codeOf(names.register(registration('/a', 'j'), service)),
  ]);
  expect(codes).toEqual(['done', 'done', 'IDENTITY_INVALID']);
  expect(names.resolve('/a').endpoints).toEqual([]);
});

test('a revocation of all keys also ends the unused tokens', async () => {
  const { identities, enrol } = await securedHarness();
  await enrol('/a', pin(1));
  await enrol('/a', pin(2));
  const { token } = await identities.issueToken({ principal: '/a' }, operator);
  const other = await identities.issueToken({ principal: '/b' }, operator);
  const { revoked } = await identities.revoke({ principal: '/a' }, operator);
  expect([...revoked].sort()).toEqual([pin(1), pin(2)]);
  expect(await codeOf(identities.enrol({ name: '/a', token }, pin(3)))).toBe('TICKET_REFUSED');
  expect(await codeOf(identities.enrol({ name: '/b', token: other.token }, pin(3)))).toBe('done');
});

test('a caller revokes only keys that it administrates, and not its own', async () => {
  const { identities, enrol, allow } = await securedHarness();
  const web = await enrol('/shop/web', pin(1));
  await enrol('/shop/orders', pin(2));
  const revoke = (principal: string, key?: number) =>
    codeOf(identities.revoke({ principal, ...(key !== undefined && { key: pin(key) }) }, web));
  expect(await revoke('/shop/orders', 2)).toBe('FORBIDDEN');
  // A name without a key is refused in the same way.
  expect(await revoke('/shop/none', 3)).toBe('FORBIDDEN');
  await allow('/shop/web', '/shop/*', 'admin');
  expect(await revoke('/shop/none', 3)).toBe('NAME_NOT_FOUND');
  expect(await revoke('/shop/orders', 1)).toBe('NAME_NOT_FOUND');
  expect(await revoke('/shop/web')).toBe('FORBIDDEN');
  expect(await revoke('/shop/orders', 2)).toBe('done');
  expect(identities.ownerOf(pin(1))).toBeDefined();
});

test('keys are listed for administrators, with their times', async () => {
  const harness = await securedHarness();
  const { identities, runtime } = harness;
  const web = await harness.enrol('/shop/web', pin(1));
  const at = new Date(runtime.wallNow()).toISOString();
  expect(identities.listIdentities(undefined, operator)).toEqual([
    { principal: '/operator', key: pin(0), enrolledAt: at, by: 'init' },
    { principal: '/shop/web', key: pin(1), enrolledAt: at, by: 'token' },
  ]);
  expect(identities.listIdentities(undefined, web)).toEqual([]);
  await runtime.advance(5_000);
  const used = new Date(runtime.wallNow()).toISOString();
  identities.touch(pin(1));
  identities.touch(pin(7));
  expect(identities.listIdentities('/shop/web', operator)).toMatchObject([{ lastUsedAt: used }]);
  await identities.revoke({ principal: '/shop/web' }, operator);
  expect(identities.listIdentities('/shop/web', operator)).toMatchObject([{ revokedAt: used }]);
});
