import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { absoluteName, isName, isSegment, parseName, segmentsOf } from '../../src/core/name.js';
import { anyName, brokenName, plainName, segment } from './name-arbitraries.js';

const seed = 20_240;

/** What is said of a name that is refused. */
function refusal(text: unknown, what?: string): string {
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

test('names of every form are accepted as they are', () => {
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

test('a name that breaks a rule is refused with the segment, the reason and what to do', () => {
  const said: Record<string, string> = {
    '': "Name '' is empty; write one such as '/shop/orders'",
    '/': "Name '/' has no segment; write one such as '/shop/orders'",
    'shop/orders': "Name 'shop/orders' does not begin with '/'; write it in full",
    '/shop/': "Name '/shop/' ends with '/'; leave that off",
    '/shop//orders': "Name '/shop//orders' fails at segment 2: '' is empty; write one '/' between segments",
    '//shop': "Name '//shop' fails at segment 1: '' is empty; write one '/' between segments",
    '/shop/../orders':
      "Name '/shop/../orders' fails at segment 2: '..' would be a step in a file system; names have none, write the name in full",
    '/./a':
      "Name '/./a' fails at segment 1: '.' would be a step in a file system; names have none, write the name in full",
    '/Shop': "Name '/Shop' fails at segment 1: 'Shop' has the capital 'S'; write small letters",
    '/shop/-a':
      "Name '/shop/-a' fails at segment 2: '-a' begins or ends with '-'; let it begin and end with a letter or digit",
    '/shop/a-':
      "Name '/shop/a-' fails at segment 2: 'a-' begins or ends with '-'; let it begin and end with a letter or digit",
    '/xn--a':
      "Name '/xn--a' fails at segment 1: 'xn--a' begins with 'xn--', which DNS keeps for other alphabets; choose another word",
    '/a/#d7':
      "Name '/a/#d7' fails at segment 2: '#d7' has a '#', which only the first segment can begin with",
    '/#': "Name '/#' fails at segment 1: '#' is a directory identifier with 0 characters behind '#'; 1 to 32 can be there",
    '/#D': "Name '/#D' fails at segment 1: '#D' has the capital 'D'; write small letters",
    '/#a#b': "Name '/#a#b' fails at segment 1: '#a#b' has a '#', which only the first segment can begin with",
    '/a b':
      "Name '/a b' fails at segment 1: 'a b' has the character ' '; only a–z, 0–9 and '-' can be in a name",
    '/a\0':
      "Name '/a\\u0000' fails at segment 1: 'a\\u0000' has the character '\\u0000'; only a–z, 0–9 and '-' can be in a name",
    '/\u0430':
      "Name '/\\u0430' fails at segment 1: '\\u0430' has the character '\\u0430'; only a–z, 0–9 and '-' can be in a name",
  };
  for (const [name, message] of Object.entries(said)) expect(refusal(name)).toBe(message);
});

test('limits hold to the character', () => {
  expect(refusal(`${longest}b`)).toMatch(/ is 248 characters long; 247 is the most$/);
  expect(refusal(`/${long}a`)).toMatch(
    /^Name '.*' fails at segment 1: '.*' is 64 characters long; 63 is the most$/,
  );
  expect(refusal('/a'.repeat(17))).toMatch(/ has 17 segments; 16 is the most$/);
  expect(refusal(`/#${'7'.repeat(33)}`)).toMatch(/with 33 characters behind '#'; 1 to 32 can be there$/);
});

test('what is no string at all is refused, and named as the caller calls it', () => {
  expect(refusal(undefined)).toBe("Name undefined is not a string; write one such as '/shop/orders'");
  expect(refusal(null, 'Root')).toBe("Root null is not a string; write one such as '/shop/orders'");
  for (const value of [7, {}, ['/a'], Object.create(null), Symbol('s'), new String('/a'), () => '/a']) {
    expect(refusal(value)).toMatch(/is not a string/);
    expect(isName(value)).toBe(false);
  }
});

test('every generated name is accepted and is its own only spelling', () => {
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

test('every name with something foreign in it is refused, in printable words', () => {
  fc.assert(
    fc.property(brokenName, (name) => {
      expect(isName(name)).toBe(false);
      expect(refusal(name)).toMatch(/^Name '[\x20-\x7e…]*' [\x20-\x7e–…]+$/);
    }),
    { seed, numRuns: 2_000 },
  );
});

test('whatever the input, it is accepted or refused, and nothing else', () => {
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
      expect(refusal(text) === 'accepted').toBe(isGood(text));
    }),
    { seed, numRuns: 5_000 },
  );
});

test('a relative name goes behind the root, an absolute one stays', () => {
  expect(absoluteName('orders', '/shop')).toBe('/shop/orders');
  expect(absoluteName('orders/eu', '/shop')).toBe('/shop/orders/eu');
  expect(absoluteName('/orders', '/shop')).toBe('/orders');
  expect(absoluteName('orders', '')).toBe('/orders');
  expect(absoluteName('orders', '/')).toBe('/orders');
  expect(absoluteName('orders', '/#d7')).toBe('/#d7/orders');
  expect(() => absoluteName('', '/shop')).toThrow("Name '' is empty");
  expect(() => absoluteName(undefined, '/shop')).toThrow('Name undefined is not a string');
  expect(() => absoluteName('../stock', '/shop')).toThrow("Name '/shop/../stock' fails at segment 2");
  expect(() => absoluteName('#d7/orders', '/shop')).toThrow('which only the first segment can begin with');
  expect(() => absoluteName('a'.repeat(60), longest)).toThrow('is 308 characters long');
  fc.assert(
    fc.property(plainName, segment, (root, last) => {
      fc.pre(root.length + last.length < 247 && segmentsOf(root).length < 16);
      expect(absoluteName(last, root)).toBe(`${root}/${last}`);
    }),
    { seed, numRuns: 500 },
  );
});

test('a segment alone follows the same rules', () => {
  expect(['orders', '0', long, 'a--b'].every(isSegment)).toBe(true);
  expect(['', '-', 'a-', '#d7', 'xn--a', 'A', 'a/b', 'a.b', `${long}a`, '*'].some(isSegment)).toBe(false);
});

test('a message never grows with its input', () => {
  expect(refusal(`/${'A'.repeat(200)}`).length).toBeLessThan(400);
  expect(refusal('/'.repeat(1_000_000)).length).toBeLessThan(400);
});
