import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { absoluteName, isName, isSegment, parseName, segmentsOf } from '../../src/core/name.js';
import { anyName, brokenName, plainName, segment } from './name-arbitraries.js';

const seed = 20_240;

/** The message for an invalid name, or `accepted`. */
function rejection(text: unknown, what?: string): string {
  try {
    parseName(text, what);
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_INVALID') return error.message;
    throw error;
  }
  return 'accepted';
}

const long = 'a'.repeat(63);
const longest = `/${Array.from({ length: 3 }, () => long).join('/')}/${'b'.repeat(54)}`;

test('accepts names of every form unchanged', () => {
  expect(longest).toHaveLength(247);
  for (const name of [
    '/a',
    '/0',
    '/shop/orders',
    '/shop/orders-2/eu--west',
    `/${long}`,
    longest,
    '/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p',
    '/constructor',
    '/xn-a/x-n',
    '/#d7/orders',
    '/#-',
    `/#${'7'.repeat(32)}/xn`,
  ]) {
    expect(parseName(name)).toBe(name);
  }
});

test('rejects an invalid name with the segment and what it must be', () => {
  const messages: Record<string, string> = {
    '': "Name '' must not be empty; write a name such as '/shop/orders'",
    '/': "Name '/' must have at least one segment; write a name such as '/shop/orders'",
    'shop/orders': "Name 'shop/orders' must begin with '/'; write the absolute name",
    '/shop/': "Name '/shop/' must not end with '/'; remove the last '/'",
    '/shop//orders':
      "Name '/shop//orders' is invalid at segment 2: '' must not be empty; write a single '/' between segments",
    '//shop':
      "Name '//shop' is invalid at segment 1: '' must not be empty; write a single '/' between segments",
    '/shop/../orders':
      "Name '/shop/../orders' is invalid at segment 2: '..' must not be a relative path step; write an absolute name without '.' and '..'",
    '/./a':
      "Name '/./a' is invalid at segment 1: '.' must not be a relative path step; write an absolute name without '.' and '..'",
    '/Shop': "Name '/Shop' is invalid at segment 1: 'Shop' must be lower case; got the capital 'S'",
    '/shop/-a': "Name '/shop/-a' is invalid at segment 2: '-a' must begin and end with a letter or digit",
    '/shop/a-': "Name '/shop/a-' is invalid at segment 2: 'a-' must begin and end with a letter or digit",
    '/xn--a':
      "Name '/xn--a' is invalid at segment 1: 'xn--a' must not begin with 'xn--', which DNS reserves for internationalized names",
    '/a/#d7':
      "Name '/a/#d7' is invalid at segment 2: '#d7' must not contain '#'; only the first segment of a name may begin with '#'",
    '/#': "Name '/#' is invalid at segment 1: '#' must have 1 to 32 characters after '#'; got 0",
    '/#D': "Name '/#D' is invalid at segment 1: '#D' must be lower case; got the capital 'D'",
    '/#a#b':
      "Name '/#a#b' is invalid at segment 1: '#a#b' must not contain '#'; only the first segment of a name may begin with '#'",
    '/a b': "Name '/a b' is invalid at segment 1: 'a b' must contain only a–z, 0–9 and '-'; got ' '",
    '/a\0':
      "Name '/a\\u0000' is invalid at segment 1: 'a\\u0000' must contain only a–z, 0–9 and '-'; got '\\u0000'",
    '/\u0430':
      "Name '/\\u0430' is invalid at segment 1: '\\u0430' must contain only a–z, 0–9 and '-'; got '\\u0430'",
  };
  for (const [name, message] of Object.entries(messages)) expect(rejection(name)).toBe(message);
});

test('a name at a limit is valid, and one above it is not', () => {
  expect(rejection(`${longest}b`)).toMatch(/ must have at most 247 characters; got 248$/);
  expect(rejection(`/${long}a`)).toMatch(
    /^Name '.*' is invalid at segment 1: '.*' must have at most 63 characters; got 64$/,
  );
  expect(rejection('/a'.repeat(17))).toMatch(/ must have at most 16 segments; got 17$/);
  expect(rejection(`/#${'7'.repeat(33)}`)).toMatch(/must have 1 to 32 characters after '#'; got 33$/);
});

test('rejects values that are not strings, with the given subject', () => {
  expect(rejection(undefined)).toBe("Name must be a string such as '/shop/orders'; got undefined");
  expect(rejection(null, 'Root')).toBe("Root must be a string such as '/shop/orders'; got null");
  for (const value of [7, {}, ['/a'], Object.create(null), Symbol('s'), new String('/a'), () => '/a']) {
    expect(rejection(value)).toMatch(/must be a string/);
    expect(isName(value)).toBe(false);
  }
});

test('accepts every generated name, and no other spelling of it', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      expect(parseName(name)).toBe(name);
      expect(isName(name)).toBe(true);
      expect(`/${segmentsOf(name).join('/')}`).toBe(name);
      expect(
        segmentsOf(name)
          .filter((each) => !each.startsWith('#'))
          .every(isSegment),
      ).toBe(true);
      for (const other of [`${name}/`, `/${name}`, name.slice(1), ` ${name}`, `${name}\n`, `${name}/.`]) {
        expect(isName(other)).toBe(false);
      }
    }),
    { seed, numRuns: 2_000 },
  );
});

test('rejects every name with an invalid character, with a printable message', () => {
  fc.assert(
    fc.property(brokenName, (name) => {
      expect(isName(name)).toBe(false);
      expect(rejection(name)).toMatch(/^Name '[\x20-\x7e…]*' [\x20-\x7e–…]+$/);
    }),
    { seed, numRuns: 2_000 },
  );
});

test('any input is either accepted or rejected', () => {
  const grammar = /^(\/#[a-z0-9-]{1,32})?(\/(?!xn--)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
  const isGood = (text: string): boolean =>
    text !== '' && text.length <= 247 && text.split('/').length <= 17 && grammar.test(text);
  const near = fc.string({ unit: fc.constantFrom('/', 'a', '-', '#', 'x', 'n', '.', 'A'), maxLength: 12 });
  const input = fc.oneof(
    near,
    near.map((text) => `/${text}`),
    fc.string({ unit: 'binary', maxLength: 300 }),
  );
  fc.assert(
    fc.property(input, (text) => {
      expect(isName(text)).toBe(isGood(text));
      expect(rejection(text) === 'accepted').toBe(isGood(text));
    }),
    { seed, numRuns: 5_000 },
  );
});

test('appends a relative name to the root and keeps an absolute one', () => {
  expect(absoluteName('orders', '/shop')).toBe('/shop/orders');
  expect(absoluteName('orders/eu', '/shop')).toBe('/shop/orders/eu');
  expect(absoluteName('/orders', '/shop')).toBe('/orders');
  expect(absoluteName('orders', '')).toBe('/orders');
  expect(absoluteName('orders', '/')).toBe('/orders');
  expect(absoluteName('orders', '/#d7')).toBe('/#d7/orders');
  expect(() => absoluteName('', '/shop')).toThrow("Name '' must not be empty");
  expect(() => absoluteName(undefined, '/shop')).toThrow('Name must be a string');
  expect(() => absoluteName('../stock', '/shop')).toThrow("Name '/shop/../stock' is invalid at segment 2");
  expect(() => absoluteName('#d7/orders', '/shop')).toThrow(
    "only the first segment of a name may begin with '#'",
  );
  expect(() => absoluteName('a'.repeat(60), longest)).toThrow('must have at most 247 characters; got 308');
  fc.assert(
    fc.property(plainName, segment, (root, last) => {
      fc.pre(root.length + last.length < 247 && segmentsOf(root).length < 16);
      expect(absoluteName(last, root)).toBe(`${root}/${last}`);
    }),
    { seed, numRuns: 500 },
  );
});

test('isSegment follows the same rules', () => {
  expect(['orders', '0', long, 'a--b'].every(isSegment)).toBe(true);
  expect(['', '-', 'a-', '#d7', 'xn--a', 'A', 'a/b', 'a.b', `${long}a`, '*'].some(isSegment)).toBe(false);
});

test('the length of a message is limited', () => {
  expect(rejection(`/${'A'.repeat(200)}`).length).toBeLessThan(400);
  expect(rejection('/'.repeat(1_000_000)).length).toBeLessThan(400);
});
