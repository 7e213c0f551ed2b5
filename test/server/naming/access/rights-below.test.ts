/** On which names below a name a caller has a right: decided by rights alone. */
import { expect, test } from 'vitest';
import type { AccessRight } from '../../../../src/core/access-right.js';
import { operator, pin, securedHarness } from '../identity/identity-harness.js';

const service = '/shop/orders';

test.each<[string, AccessRight, 'none' | 'some' | 'all']>([
  ['/shop/orders', 'call', 'none'],
  ['/shop/*', 'read', 'none'],
  ['/shop/orders2/**', 'read', 'none'],
  ['/stock/**', 'read', 'none'],
  ['/shop/orders/old', 'test', 'some'],
  ['/shop/*/*', 'read', 'some'],
  ['/**/old', 'call', 'some'],
  ['/shop/orders/old/**', 'read', 'some'],
  ['/shop/orders/**', 'test', 'all'],
  ['/**', 'read', 'all'],
  ['/shop/orders/**', 'launch', 'none'],
])('with %s %s, the names below that a principal may know are: %s', async (path, right, expected) => {
  const { allow, enrol, identities } = await securedHarness();
  const ann = await enrol('/people/ann', pin(1));
  await allow(ann.principal, path, right);
  expect(identities.rightsBelow(ann, service, 'test')).toBe(expected);
});

test('rights through a group count, and a change of rights counts at once', async () => {
  const { allow, enrol, identities } = await securedHarness();
  const ann = await enrol('/people/ann', pin(1));
  await allow('/people/staff', '/shop/orders/**', 'read');
  expect(identities.rightsBelow(ann, service, 'test')).toBe('none');
  await identities.setGroup({ name: '/people/staff', members: ['/people/ann'] }, operator);
  expect(identities.rightsBelow(ann, service, 'test')).toBe('all');
});

test('a principal knows its own name below, and a caller without a key knows nothing', async () => {
  const { enrol, identities } = await securedHarness();
  const worker = await enrol(`${service}/worker`, pin(1));
  expect(identities.rightsBelow(worker, service, 'test')).toBe('some');
  expect(identities.rightsBelow({ principal: 'address:127.0.0.1' }, service, 'test')).toBe('none');
});

test('nothing is below a name of maximum length', async () => {
  const { identities } = await securedHarness();
  const deep = `/${Array(16).fill('a').join('/')}`;
  expect(identities.rightsBelow(operator, deep, 'test')).toBe('none');
  const segment = 'a'.repeat(60);
  const long = `/${segment}/${segment}/${segment}/${'b'.repeat(61)}`;
  expect(long.length).toBe(245);
  expect(identities.rightsBelow(operator, long, 'test')).toBe('some');
  expect(identities.rightsBelow(operator, `${long}b`, 'test')).toBe('none');
});
