import { expect, test } from 'vitest';
import type { AccessRight } from '../../../../src/core/access-right.js';
import type { Caller } from '../../../../src/server/ports.js';
import { codeOf } from '../name-server-harness.js';
import { operator, pin, securedHarness, type SecuredHarness } from './identity-harness.js';

function allowed(harness: SecuredHarness, caller: Caller, name: string, right: AccessRight): boolean {
  return harness.identities.access(caller, name, right) !== undefined;
}

test('rights are added, removed and kept across a restart', async () => {
  const harness = await securedHarness();
  const web = await harness.enrol('/shop/web', pin(1));
  expect(allowed(harness, web, '/shop/orders', 'call')).toBe(false);
  await harness.allow('./web', '/shop/orders', 'call');
  await harness.allow('./web', '/shop/orders', 'write', 'call');
  expect(allowed(harness, web, '/shop/orders', 'call')).toBe(true);
  await harness.restart();
  expect(allowed(harness, web, '/shop/orders', 'write')).toBe(true);
  const remove = (rights: readonly AccessRight[]) =>
    harness.identities.changeAccess(
      { change: 'remove', principal: './web', path: '/shop/orders', rights },
      operator,
    );
  await remove(['call', 'read']);
  expect(harness.identities.listAccess('/shop/orders', operator)).toEqual([
    { directory: '/', principal: '/operator', path: '/**', rights: expect.anything() },
    { directory: '/shop', principal: './web', path: '/shop/orders', rights: ['write'] },
  ]);
  await remove(['write']);
  expect(allowed(harness, web, '/shop/orders', 'call')).toBe(false);
  expect(await codeOf(remove(['write']))).toBe('NAME_NOT_FOUND');
  expect(harness.store.records.has('a /shop')).toBe(false);
});

test('an author gives only rights that it has on the whole path, and administrates', async () => {
  const harness = await securedHarness();
  const lead = await harness.enrol('/people/lead', pin(1));
  await harness.allow('/people/lead', '/shop/**', 'admin', 'call');
  await harness.allow('/people/lead', '/shop/eu/*', 'write');
  const allow = (path: string, ...rights: AccessRight[]) =>
    codeOf(
      harness.identities.changeAccess({ change: 'allow', principal: '/people/bob', path, rights }, lead),
    );
  expect(await allow('/shop/orders', 'call')).toBe('done');
  expect(await allow('/shop/orders', 'read', 'test')).toBe('done');
  expect(await allow('/shop/**', 'admin')).toBe('done');
  expect(await allow('/shop/orders', 'write')).toBe('FORBIDDEN');
  expect(await allow('/shop/eu/web', 'write')).toBe('done');
  expect(await allow('/shop/eu/w*', 'write')).toBe('done');
  expect(await allow('/shop/eu/**', 'write')).toBe('FORBIDDEN');
  expect(await allow('/shop/*/web', 'write')).toBe('FORBIDDEN');
  expect(await allow('/**', 'call')).toBe('FORBIDDEN');
  expect(await allow('/*/orders', 'call')).toBe('FORBIDDEN');
  expect(await allow('/pay/ledger', 'call')).toBe('FORBIDDEN');
  // The lead sees the rights on names that it administrates, and no others.
  await harness.allow('/people/bob', '/pay/**', 'call');
  const seen = harness.identities.listAccess(undefined, lead).map(({ path }) => path);
  expect(seen).toContain('/shop/**');
  expect(seen).not.toContain('/pay/**');
  expect(seen).not.toContain('/**');
});

test('a decision follows a change of rights and groups at once', async () => {
  const harness = await securedHarness();
  const ann = await harness.enrol('/people/ann', pin(1));
  await harness.allow('/people/staff', '/shop/*', 'call');
  expect(allowed(harness, ann, '/shop/orders', 'call')).toBe(false);
  const members = (...names: string[]) =>
    harness.identities.setGroup({ name: '/people/staff', members: names, guaranteedMs: 0 }, operator);
  await members('/people/ann');
  expect(allowed(harness, ann, '/shop/orders', 'call')).toBe(true);
  await members('/people/bob');
  expect(allowed(harness, ann, '/shop/orders', 'call')).toBe(false);
  await members('/people/ann');
  await harness.names.remove({ name: '/people/staff' }, operator);
  expect(allowed(harness, ann, '/shop/orders', 'call')).toBe(false);
});

test('a moved directory keeps its rights, and its relative principals', async () => {
  const harness = await securedHarness();
  const web = await harness.enrol('/org/web', pin(1));
  await harness.names.define({ name: '/shop/eu/orders', guaranteedMs: 0 }, operator);
  await harness.identities.changeAccess(
    { change: 'allow', principal: '../web', path: '/shop/eu/orders', rights: ['call'] },
    operator,
  );
  await harness.names.move({ from: '/shop', to: '/org' }, operator);
  expect(allowed(harness, web, '/org/eu/orders', 'call')).toBe(true);
  expect(allowed(harness, web, '/shop/eu/orders', 'call')).toBe(false);
  await harness.restart();
  expect(allowed(harness, web, '/org/eu/orders', 'call')).toBe(true);
});

test('a move that would lead a relative principal above the root is refused', async () => {
  const harness = await securedHarness();
  await harness.names.define({ name: '/a/b/c/x', guaranteedMs: 0 }, operator);
  await harness.identities.changeAccess(
    { change: 'allow', principal: '../../web', path: '/a/b/c/x', rights: ['call'] },
    operator,
  );
  expect(await codeOf(harness.names.move({ from: '/a/b/c', to: '/c' }, operator))).toBe('NAME_INVALID');
  expect(await codeOf(harness.names.define({ name: '/later' }, operator))).toBe('done');
});

test('a move of rights needs the right admin at both places', async () => {
  const harness = await securedHarness();
  const writer = await harness.enrol('/people/writer', pin(1));
  await harness.allow('/people/writer', '/mine/**', 'write', 'admin', 'call');
  await harness.allow('/people/writer', '/bank/**', 'write');
  await harness.names.define({ name: '/mine/x', guaranteedMs: 0 }, writer);
  await harness.allow('/people/friend', '/mine/*', 'call');
  expect(await codeOf(harness.names.move({ from: '/mine', to: '/bank/mine' }, writer))).toBe('FORBIDDEN');
  await harness.allow('/people/writer', '/bank/mine/**', 'admin');
  await harness.allow('/people/writer', '/mine', 'write');
  expect(await codeOf(harness.names.move({ from: '/mine', to: '/bank/mine' }, writer))).toBe('done');
});

test('an explanation names the rights that decide', async () => {
  const { identities, allow } = await securedHarness();
  await allow('/shop/*', '/shop/**', 'call');
  expect(identities.explain({ principal: '/shop/web', path: '/shop/orders', right: 'read' })).toEqual({
    allowed: true,
    reason: '/shop: /shop/* has call on **',
    entry: { directory: '/shop', principal: '/shop/*', path: '/shop/**', rights: ['call'] },
    groups: [],
  });
  expect(identities.explain({ principal: '/shop/web', path: '/pay', right: 'read' })).toEqual({
    allowed: false,
    reason: 'no entry gives the right',
  });
  expect(identities.explain({ principal: '/operator', path: '/', right: 'admin' }).allowed).toBe(true);
});
