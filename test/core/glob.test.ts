import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { globsBelow, matches, parseGlob } from '../../src/core/glob.js';
import { anyName, smallName } from './name-arbitraries.js';

const seed = 20_242;

function matching(glob: string, name: string): boolean {
  return matches(parseGlob(glob), name);
}

function rejection(text: unknown): string {
  try {
    parseGlob(text);
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_INVALID') return error.message;
    throw error;
  }
  return 'accepted';
}

const cases: Record<string, { readonly matching: readonly string[]; readonly not: readonly string[] }> = {
  '/shop/orders': {
    matching: ['/shop/orders'],
    not: ['/shop', '/shop/orders/eu', '/shop/order', '/shop/orders2'],
  },
  '/shop/*': {
    matching: ['/shop/orders', '/shop/a'],
    not: ['/shop', '/shop/orders/eu', '/shopping/a', '/a/shop/b'],
  },
  '/shop/**': { matching: ['/shop', '/shop/a', '/shop/a/b/c'], not: ['/shopping', '/a/shop', '/sho'] },
  '/**': { matching: ['/a', '/a/b/c', '/#d7', '/#d7/a'], not: [] },
  '/*': { matching: ['/a', '/shop', '/#d7'], not: ['/a/b'] },
  '/shop/or*': { matching: ['/shop/or', '/shop/orders'], not: ['/shop/o', '/shop/xor', '/shop/or/a'] },
  '/shop/*rs': { matching: ['/shop/rs', '/shop/orders', '/shop/rsrs'], not: ['/shop/orders2', '/shop/r'] },
  '/shop/o*e*s': {
    matching: ['/shop/oes', '/shop/orders'],
    not: ['/shop/os', '/shop/ordre', '/shop/oses-x'],
  },
  '/**/orders': {
    matching: ['/orders', '/a/orders', '/a/b/orders', '/orders/orders'],
    not: ['/orders/a', '/orders2'],
  },
  '/a/**/b/**/c': {
    matching: ['/a/b/c', '/a/x/b/y/z/c', '/a/b/b/c', '/a/b/c/c'],
    not: ['/a/c', '/a/c/b', '/b/c'],
  },
  '/a/**/**': { matching: ['/a', '/a/b', '/a/b/c'], not: ['/b'] },
  '/*/*/c': { matching: ['/a/b/c'], not: ['/a/c', '/a/b/c/c', '/a/b/d'] },
  '/#d*/orders': { matching: ['/#d7/orders', '/#d/orders'], not: ['/d7/orders', '/#e/orders'] },
};

for (const [glob, { matching: good, not }] of Object.entries(cases)) {
  test(`${glob} matches ${good.join(', ')} and not ${not.join(', ')}`, () => {
    expect(good.filter((name) => !matching(glob, name))).toEqual([]);
    expect(not.filter((name) => matching(glob, name))).toEqual([]);
  });
}

test('rejects an invalid glob with what it must be', () => {
  expect(rejection('shop/*')).toBe("Glob 'shop/*' must begin with '/'; write the absolute name");
  expect(rejection('/shop/a**')).toBe(
    "Glob '/shop/a**' is invalid at segment 2: 'a**' must not combine '**' with other characters; write '**' as a segment of its own",
  );
  expect(rejection('/shop/Or*')).toBe(
    "Glob '/shop/Or*' is invalid at segment 2: 'Or*' must be lower case; got the capital 'O'",
  );
  expect(rejection('/**'.repeat(9))).toMatch(/ must have at most 8 wildcards; got 9$/);
  expect(rejection('/a*b*c*d*e*f*g*h*i*')).toBe(
    "Glob '/a*b*c*d*e*f*g*h*i*' must have at most 8 wildcards; got 9",
  );
  for (const glob of [
    '',
    '/',
    '*',
    '/***',
    '/a/',
    '/a//*',
    '/../*',
    '/[ab]',
    '/{a,b}',
    '/a?',
    '/!a',
    '/-*',
    '/*-',
    '/xn--*',
    '/*#',
    '/a/#*',
    '/\\*',
    '/ä*',
    `/${'a'.repeat(64)}*`,
    '/*'.repeat(17),
    undefined,
    null,
    7,
    {},
    /a/,
  ]) {
    expect(rejection(glob)).toMatch(/^Glob /);
  }
});

test('accepts eight wildcards and segments of maximum length', () => {
  for (const glob of [
    '/a*b*c*d*e*f*g*h*',
    '/**/*/**/*/**/*/**/*',
    '/*a*',
    '/#*',
    `/${'a'.repeat(63)}*`,
    '/a*-*b',
  ]) {
    expect(rejection(glob)).toBe('accepted');
  }
});

test('a name is a glob that matches only itself', () => {
  fc.assert(
    fc.property(anyName, anyName, (name, other) => {
      expect(parseGlob(name)).toMatchObject({ text: name, isExact: true });
      expect(matching(name, name)).toBe(true);
      expect(matching(name, other)).toBe(name === other);
      expect(matching('/**', name)).toBe(true);
    }),
    { seed, numRuns: 500 },
  );
});

/** A slow and simple reference implementation. */
function naive(glob: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = glob;
  if (first === undefined) return name.length === 0;
  if (first === '**') return naive(rest, name) || (name.length > 0 && naive(glob, name.slice(1)));
  return name.length > 0 && naiveText(first, name[0] as string) && naive(rest, name.slice(1));
}

function naiveText(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*'))
    return naiveText(pattern.slice(1), text) || (text !== '' && naiveText(pattern, text.slice(1)));
  return text !== '' && pattern[0] === text[0] && naiveText(pattern.slice(1), text.slice(1));
}

const smallGlob = fc
  .array(
    fc.oneof(
      { weight: 1, arbitrary: fc.constant('**') },
      {
        weight: 3,
        arbitrary: fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 4 }),
      },
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((segments) => `/${segments.join('/')}`)
  .filter((glob) => rejection(glob) === 'accepted');

test('agrees with a naive matcher, for matches and mismatches', () => {
  let good = 0;
  fc.assert(
    fc.property(smallGlob, smallName, (glob, name) => {
      const expected = naive(glob.slice(1).split('/'), name.slice(1).split('/'));
      if (expected) good++;
      expect(matching(glob, name)).toBe(expected);
    }),
    { seed, numRuns: 10_000 },
  );
  expect(good).toBeGreaterThan(500);
});

test('hostile patterns search each segment at most once for each piece of the glob', () => {
  const steps = { count: 0 };
  for (const method of ['startsWith', 'indexOf'] as const) {
    const real = String.prototype[method] as (this: string, text: string, at?: number) => never;
    vi.spyOn(String.prototype, method).mockImplementation(function (this: string, text, at) {
      steps.count++;
      return real.call(this, text, at);
    });
  }
  const segment = 'a'.repeat(61);
  let total = 0;
  for (const [glob, name] of [
    ['/*a*a*a*a*a*b', `/${segment}`],
    ['/*a*a*a*a*a*a', `/${segment}`],
    [`/*${'a'.repeat(40)}b`, `/${segment}`],
    ['/**/a/**/a/**/a/**/b', '/a'.repeat(16)],
    ['/**/*a*b/**/*a*b', `/${segment}/${segment}/${segment}/${segment}`],
    ['/**/*/**/*/**/*/**/b', '/a'.repeat(16)],
  ] as const) {
    const parsed = parseGlob(glob);
    steps.count = 0;
    matches(parsed, name);
    total += steps.count;
    const pieces = glob.split(/[*/]+/).length;
    expect(steps.count, glob).toBeLessThanOrEqual(pieces * name.split('/').length);
  }
  expect(total).toBeGreaterThan(0);
});

test('the globs below a prefix match exactly the names below it that the glob matches', () => {
  fc.assert(
    fc.property(
      smallName,
      smallName,
      fc.constantFrom('', '/*', '/**', '/**/a', '/*/b'),
      (prefix, rest, tail) => {
        const glob = parseGlob(`${prefix.replace(/[a-z]+$/, '*')}${tail}`);
        const below = [...globsBelow(glob, prefix)];
        expect(below.some((each) => matches(parseGlob(each), rest))).toBe(matches(glob, `${prefix}${rest}`));
      },
    ),
    { seed },
  );
});
