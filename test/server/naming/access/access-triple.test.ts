import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isClerkError } from '../../../../src/core/errors.js';
import { toCompiledTriple, type AccessRequest } from '../../../../src/server/naming/access/access-triple.js';

const seed = 20_264;

function compiled(request: Partial<AccessRequest>): string {
  try {
    const { directory, triple, principal, path } = toCompiledTriple({
      principal: '/shop/web',
      path: '/shop/orders',
      rights: 'call',
      ...request,
    });
    return `${directory}: ${triple.principal} = ${principal.text}, ${triple.path} = ${path.text}, ${triple.rights.join()}`;
  } catch (error) {
    if (isClerkError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

test.each([
  ['/shop/orders', '/shop: /shop/web = /shop/web, orders = /shop/orders, call'],
  ['/orders', '/: /shop/web = /shop/web, orders = /orders, call'],
  ['/shop/**', '/shop: /shop/web = /shop/web, ** = /shop/**, call'],
  ['/shop/*/db', '/shop: /shop/web = /shop/web, */db = /shop/*/db, call'],
  ['/shop/or*', '/shop: /shop/web = /shop/web, or* = /shop/or*, call'],
  ['/**', '/: /shop/web = /shop/web, ** = /**, call'],
  ['/*/x', '/: /shop/web = /shop/web, */x = /*/x, call'],
])('a triple on %s is held by the directory before the first wildcard', (path, expected) =>
  expect(compiled({ path })).toBe(expected),
);

test('another directory may hold the triple, if the path is below it', () => {
  expect(compiled({ directory: '/' })).toBe('/: /shop/web = /shop/web, shop/orders = /shop/orders, call');
  expect(compiled({ path: '/shop/eu/orders', directory: '/shop' })).toMatch(/^\/shop: .*, eu\/orders = /);
  expect(compiled({ directory: '/sho' })).toMatch(/^CONFIG_INVALID: .* must be below its directory \/sho/);
  expect(compiled({ directory: '/shop/orders' })).toMatch(/^CONFIG_INVALID/);
  expect(compiled({ directory: '/Shop' })).toMatch(/^NAME_INVALID: Directory/);
});

test.each([
  ['../web/*', '/web/*'],
  ['./web', '/shop/web'],
  ['.././../x', 'NAME_INVALID: Principal'],
  ['../../x', 'NAME_INVALID: Principal'],
  ['../web/../x', 'NAME_INVALID: Glob'],
  ['web', 'NAME_INVALID: Glob'],
  ['..', 'NAME_INVALID: Glob'],
  ['../', 'NAME_INVALID: Glob'],
  ['.../x', 'NAME_INVALID: Glob'],
  ['', 'NAME_INVALID: Glob'],
  ['/Shop/web', 'NAME_INVALID: Glob'],
  ['/shop/**web', 'NAME_INVALID: Glob'],
  ['/*/*/*/*/*/*/*/*/*', 'NAME_INVALID: Glob'],
])('the principal %j in the directory /shop is %s', (principal, expected) => {
  const result = compiled({ principal });
  if (expected.startsWith('/')) expect(result).toContain(` = ${expected}, `);
  else expect(result.startsWith(expected)).toBe(true);
});

test.each<[Partial<AccessRequest>, RegExp]>([
  [{ principal: 7 }, /^NAME_INVALID: Principal/],
  [{ path: undefined }, /^NAME_INVALID: Glob/],
  [{ path: '/' }, /^NAME_INVALID: Glob/],
  [{ path: 'shop' }, /^NAME_INVALID: Glob/],
  [{ rights: 'call,root' }, /^CONFIG_INVALID: Rights/],
  [{ rights: [] }, /^CONFIG_INVALID: Rights/],
])('%j is refused', (request, reason) => expect(compiled(request)).toMatch(reason));

test('100,000 texts are a valid pattern or refused', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('..', '.', '/', '*', '**', 'a', 'A', '-', '#', '%2e', '\u0000', '．', ' '), {
        maxLength: 12,
      }),
      (parts) => {
        const principal = parts.join('');
        expect(compiled({ principal })).toMatch(/^(\/shop: |NAME_INVALID: )/);
      },
    ),
    { seed, numRuns: 100_000 },
  );
});
