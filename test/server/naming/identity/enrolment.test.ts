import { expect, test } from 'vitest';
import { isClerkError } from '../../../../src/core/errors.js';
import { codeOf, nameServerHarness } from '../name-server-harness.js';
import { operator, pin, securedHarness } from './identity-harness.js';

test('a token enrols one key of its principal, once, and survives a restart', async () => {
  const harness = await securedHarness();
  const { token } = await harness.identities.issueToken({ principal: '/shop/web' }, operator);
  await harness.restart();
  const { identities } = harness;
  const enrol = (name: string, key: number, given = token) =>
    codeOf(identities.enrol({ name, token: given }, pin(key)));
  expect(await enrol('/shop/orders', 1)).toBe('TICKET_REFUSED');
  expect(await enrol('/shop/web', 1, `${token.slice(0, -1)}x`)).toBe('TICKET_REFUSED');
  expect(identities.ownerOf(pin(1))).toBeUndefined();
  expect(await enrol('/shop/web', 1)).toBe('done');
  expect(await enrol('/shop/web', 1)).toBe('done');
  expect(await enrol('/shop/web', 2)).toBe('TICKET_REFUSED');
  expect(identities.ownerOf(pin(1))).toEqual({ principal: '/shop/web' });
  await harness.restart();
  expect(harness.identities.ownerOf(pin(1))).toEqual({ principal: '/shop/web' });
  expect([...harness.store.records.keys()].filter((key) => key.startsWith('t '))).toEqual([]);
});

test('of two keys that use a token at the same moment, one is enrolled', async () => {
  const { identities } = await securedHarness();
  const { token } = await identities.issueToken({ principal: '/a' }, operator);
  const codes = [1, 2].map((key) => codeOf(identities.enrol({ name: '/a', token }, pin(key))));
  expect(await Promise.all(codes)).toEqual(['done', 'TICKET_REFUSED']);
  expect(identities.ownerOf(pin(2))).toBeUndefined();
});

test('a token ends at its time, and is then removed', async () => {
  const { identities, runtime, store } = await securedHarness();
  const first = await identities.issueToken({ principal: '/a', ttlMs: 1_000 }, operator);
  expect(first.expiresInMs).toBe(1_000);
  expect(Date.parse(first.expiresAt)).toBe(runtime.wallNow() + 1_000);
  await runtime.advance(1_000);
  expect(await codeOf(identities.enrol({ name: '/a', token: first.token }, pin(1)))).toBe('TICKET_REFUSED');
  await identities.issueToken({ principal: '/a' }, operator);
  expect([...store.records.keys()].filter((key) => key.startsWith('t '))).toHaveLength(1);
  for (const ttlMs of [999, 86_400_001, 1_000.5, NaN])
    expect(await codeOf(identities.issueToken({ principal: '/a', ttlMs }, operator))).toBe('CONFIG_INVALID');
});

test('the store holds the digest of a token, and never the token', async () => {
  const { identities, store } = await securedHarness();
  const { token } = await identities.issueToken({ principal: '/a' }, operator);
  await identities.enrol({ name: '/a', token }, pin(1));
  expect(JSON.stringify(store.batches)).not.toContain(token.slice('clerk_token_'.length));
});

test('all refusals of an enrolment have one message', async () => {
  const { identities, runtime, enrol } = await securedHarness();
  await enrol('/b', pin(2));
  await enrol('/b', pin(3));
  await identities.revoke({ principal: '/b', key: pin(3) }, operator);
  const used = await identities.issueToken({ principal: '/a' }, operator);
  await identities.enrol({ name: '/a', token: used.token }, pin(1));
  const expired = await identities.issueToken({ principal: '/a', ttlMs: 1_000 }, operator);
  await runtime.advance(2_000);
  const valid = await identities.issueToken({ principal: '/b' }, operator);
  const launch = { instance: 'i', epoch: 1, ticket: 'x' };
  const attempts = [
    identities.enrol({ name: '/a', token: used.token }, pin(5)),
    identities.enrol({ name: '/a', token: expired.token }, pin(5)),
    identities.enrol({ name: '/a', token: valid.token }, pin(5)),
    identities.enrol({ name: '/a', token: '' }, pin(5)),
    identities.enrol({ name: 'no name', token: valid.token }, pin(5)),
    // The key belongs to another principal, or was revoked.
    identities.enrol({ name: '/b', token: valid.token }, pin(1)),
    identities.enrol({ name: '/b', token: valid.token }, pin(3)),
    identities.enrol({ name: '/a', ...launch }, pin(5)),
    identities.enrol({ name: '/a', rotate: { spki: 'AA', proof: 'AA' } }, pin(1)),
  ];
  const errors = await Promise.all(attempts.map((attempt) => attempt.catch((error: unknown) => error)));
  expect(errors.every(isClerkError)).toBe(true);
  expect(new Set(errors.map((error) => JSON.stringify(error)))).toHaveProperty('size', 1);
  expect(await codeOf(identities.enrol({ name: '/b', token: valid.token }, pin(5)))).toBe('done');
});

test('a principal has at most 8 live keys', async () => {
  const { identities, enrol } = await securedHarness();
  for (let key = 1; key <= 8; key++) await enrol('/a', pin(key));
  expect(await codeOf(enrol('/a', pin(9)))).toBe('LIMIT_EXCEEDED');
  await identities.revoke({ principal: '/a', key: pin(4) }, operator);
  expect(await codeOf(enrol('/a', pin(9)))).toBe('done');
});

test('the first operator is enrolled once, with all rights', async () => {
  const { names } = await nameServerHarness();
  const { identities } = names;
  expect(identities.isInitialized).toBe(false);
  await identities.enrolOperator('/operator', pin(0));
  expect(await codeOf(identities.enrolOperator('/other', pin(1)))).toBe('FORBIDDEN');
  expect(identities.isInitialized).toBe(true);
  const rights = ['read', 'test', 'call', 'advertise', 'write', 'launch', 'admin'] as const;
  for (const name of ['/', '/a', '/a/b/c'])
    for (const right of rights) expect(identities.access(operator, name, right)).toBeDefined();
  expect(identities.access({ principal: '/operator' }, '/a', 'read')).toBeUndefined();
});

test('only an administrator of a principal issues tokens for it', async () => {
  const { identities, enrol, allow } = await securedHarness();
  const clerk = await enrol('/people/ann', pin(1));
  const issue = (principal: string) => codeOf(identities.issueToken({ principal }, clerk));
  expect(await issue('/people/ann')).toBe('FORBIDDEN');
  await allow('/people/ann', '/shop/**', 'admin');
  expect(await issue('/shop/web')).toBe('done');
  expect(await issue('/pay/ledger')).toBe('FORBIDDEN');
  expect(await issue('web')).toBe('NAME_INVALID');
});
