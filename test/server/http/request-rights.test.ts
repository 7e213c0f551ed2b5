import { expect, test } from 'vitest';
import type { AccessRight } from '../../../src/core/access-right.js';
import { includingRight } from '../../../src/core/access-right.js';
import { RequestRights } from '../../../src/server/http/request-rights.js';
import type { IdentityService } from '../../../src/server/ports.js';

interface World {
  readonly rights: RequestRights;
  /** Names whose links were followed, and names that were looked up. */
  readonly steps: string[];
  readonly exists: (name: string) => boolean;
}

function world(
  given: Readonly<Record<string, readonly AccessRight[]>>,
  links: Readonly<Record<string, string | undefined>> = {},
  existing: readonly string[] = [],
): World {
  const steps: string[] = [];
  const identities = {
    access: (_caller: unknown, name: string, right: AccessRight) =>
      includingRight(given[name] ?? [], right) === undefined ? undefined : { kind: 'own-name' },
  } as unknown as IdentityService;
  const names = {
    canonicalOf: (name: string) => {
      steps.push(`links of ${name}`);
      return name in links ? links[name] : name;
    },
  };
  return {
    rights: new RequestRights({ principal: '/shop/web' }, identities, names),
    steps,
    exists: (name) => {
      steps.push(`lookup of ${name}`);
      return existing.includes(name);
    },
  };
}

/** Calls a check, and returns the code of its error. */
function codeOf(check: () => unknown): unknown {
  try {
    check();
    return 'allowed';
  } catch (error) {
    return (error as { code: unknown }).code;
  }
}

test('without a right, nothing is looked up, whether or not the name exists', () => {
  for (const existing of [[], ['/pay/secret']]) {
    const { rights, steps, exists } = world({}, {}, existing);
    expect(codeOf(() => rights.requireReadable('/pay/secret', exists))).toBe('NAME_NOT_FOUND');
    expect(rights.canRead('/pay/secret')).toBe(false);
    expect(codeOf(() => rights.require('/pay/secret', 'launch'))).toBe('FORBIDDEN');
    expect(steps).toEqual([]);
  }
});

test('a link needs the right on both names', () => {
  const links = { '/shop/link': '/pay/secret' };
  for (const given of [{ '/shop/link': ['read'] }, { '/pay/secret': ['read'] }] as const) {
    const { rights, exists } = world(given, links, ['/shop/link']);
    expect(codeOf(() => rights.requireReadable('/shop/link', exists))).toBe('NAME_NOT_FOUND');
    expect(rights.canRead('/shop/link')).toBe(false);
  }
  const { rights, exists } = world({ '/shop/link': ['read'], '/pay/secret': ['call'] }, links);
  expect(rights.requireReadable('/shop/link', exists)).toBe('/pay/secret');
  expect(rights.canRead('/shop/link')).toBe(true);
  expect(codeOf(() => rights.require('/shop/link', 'call'))).toBe('FORBIDDEN');
});

test('the right test shows whether the name exists; the lookup decides', () => {
  const { rights, exists } = world({ '/a': ['test'], '/b': ['test'] }, {}, ['/a']);
  expect(codeOf(() => rights.requireReadable('/a', exists))).toBe('FORBIDDEN');
  expect(codeOf(() => rights.requireReadable('/b', exists))).toBe('NAME_NOT_FOUND');
  expect(rights.canRead('/a')).toBe(false);
});

test('links that form a cycle look absent, and an invalid name is refused as such', () => {
  const { rights, exists } = world({ '/a': ['read', 'launch'] }, { '/a': undefined });
  expect(codeOf(() => rights.requireReadable('/a', exists))).toBe('NAME_NOT_FOUND');
  expect(codeOf(() => rights.require('/a', 'launch'))).toBe('NAME_NOT_FOUND');
  expect(codeOf(() => rights.requireReadable('/A', exists))).toBe('NAME_INVALID');
  expect(rights.canRead('/A')).toBe(false);
});

test('of a name with a directory identifier, the canonical name counts', () => {
  const { rights, exists } = world(
    { '/shop/orders': ['read'] },
    { '/#d1/orders': '/shop/orders', '/#d2/x': '/pay/x' },
  );
  expect(rights.requireReadable('/#d1/orders', exists)).toBe('/shop/orders');
  expect(rights.canRead('/#d2/x')).toBe(false);
});

test('the rights of a ticket are those on the name, with the rights that they include', () => {
  expect(world({ '/a': ['call', 'launch'] }).rights.rightsOn('/a')).toEqual([
    'read',
    'test',
    'call',
    'launch',
  ]);
});
