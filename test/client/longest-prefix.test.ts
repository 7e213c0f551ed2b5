/** Which names `clerk.request` looks up to find the service of a path. */
import { expect, test } from 'vitest';
import { findLongestPrefix } from '../../src/client/longest-prefix.js';
import type { ResolvedService } from '../../src/core/resolution-result.js';

/** A resolver over `services`, with the names that were looked up. A service maps to its `namesBelow`. */
function resolverOf(services: Readonly<Record<string, boolean | undefined>>) {
  const lookups: string[] = [];
  const known = new Map<string, ResolvedService>();
  const resultOf = (name: string): ResolvedService => {
    const isBound = Object.hasOwn(services, name);
    const { [name]: namesBelow } = services;
    return {
      kind: isBound ? 'bound' : 'absent',
      name,
      ...(namesBelow !== undefined && { namesBelow }),
    } as ResolvedService;
  };
  const find = (path: string): Promise<string | undefined> => {
    const segments = path.split('/').slice(1);
    const names = segments.map((_, i) => `/${segments.slice(0, segments.length - i).join('/')}`);
    return findLongestPrefix(
      names,
      {
        resolve: async (name) => {
          lookups.push(name);
          return resultOf(name);
        },
      },
      { peek: (name) => known.get(name) },
    );
  };
  const learn = (name: string, namesBelow?: boolean): void => {
    known.set(name, { ...resultOf(name), kind: 'bound', ...(namesBelow !== undefined && { namesBelow }) });
  };
  return { find, learn, lookups };
}

test('a known service without names below needs no lookup of another name', async () => {
  const { find, learn, lookups } = resolverOf({ '/shop/orders': false });
  learn('/shop/orders', false);
  expect(await find('/shop/orders/orders/7')).toBe('/shop/orders');
  expect(lookups).toEqual(['/shop/orders']);
});

test('the first path looks up short names only, up to a service without names below', async () => {
  const { find, lookups } = resolverOf({ '/shop/orders': false });
  expect(await find('/shop/orders/orders/7/lines/1')).toBe('/shop/orders');
  expect(lookups).toEqual(['/shop', '/shop/orders']);
});

test('a service with names below is called only for paths without a longer service', async () => {
  const services = { '/shop/orders': true, '/shop/orders/old': false };
  const { find, learn } = resolverOf(services);
  learn('/shop/orders', true);
  expect(await find('/shop/orders/7')).toBe('/shop/orders');
  expect(await find('/shop/orders/old/7')).toBe('/shop/orders/old');
});

test('a longer known service decides, although a shorter one has no names below', async () => {
  const { find, learn } = resolverOf({ '/shop/orders': false, '/shop/orders/old': false });
  learn('/shop/orders', false);
  learn('/shop/orders/old', false);
  expect(await find('/shop/orders/old/7')).toBe('/shop/orders/old');
});

test('a known service that has got a name below is looked up together with longer names', async () => {
  const { find, learn } = resolverOf({ '/shop/orders': true, '/shop/orders/old': false });
  learn('/shop/orders', false);
  expect(await find('/shop/orders/old/7')).toBe('/shop/orders/old');
});

test('a known service that was removed does not hide a shorter one', async () => {
  const { find, learn } = resolverOf({ '/shop': false });
  learn('/shop/orders', false);
  expect(await find('/shop/orders/7')).toBe('/shop');
});

test('a registry that does not state what lies below gets the remaining lookups at once', async () => {
  const { find, lookups } = resolverOf({ '/a': undefined, '/a/b/c/d': undefined });
  expect(await find('/a/b/c/d/e')).toBe('/a/b/c/d');
  expect(lookups).toEqual(['/a', '/a/b', '/a/b/c', '/a/b/c/d', '/a/b/c/d/e']);
});

test('a path without a service looks up each of its names', async () => {
  const { find, lookups } = resolverOf({});
  const path = `/${Array.from({ length: 12 }, (_, i) => `s${String(i)}`).join('/')}`;
  expect(await find(path)).toBeUndefined();
  expect(lookups.length).toBe(12);
});
