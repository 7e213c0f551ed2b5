import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { hostnameOf, nameFromHostname } from '../../src/core/clerk-hostname.js';
import { anyName, brokenName, plainName } from './name-arbitraries.js';

const seed = 20_241;

/** The name of a URL as a program writes it, after the normalization of the URL class. */
function nameOf(url: string): string | undefined {
  const { hostname, port } = new URL(url);
  return nameFromHostname(hostname, port);
}

function rejection(hostname: string, port = ''): string {
  try {
    return String(nameFromHostname(hostname, port));
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_INVALID') return error.message;
    throw error;
  }
}

test('a host under .clerk is a name in reverse order', () => {
  expect(nameOf('http://orders.shop.clerk/orders/7')).toBe('/shop/orders');
  expect(nameOf('https://orders.clerk')).toBe('/orders');
  expect(nameOf('http://clerk.clerk')).toBe('/clerk');
  expect(nameOf('http://7.clerk')).toBe('/7');
});

test('accepts what the URL class normalizes', () => {
  expect(nameOf('http://ORDERS.Shop.CLERK:80/')).toBe('/shop/orders');
  expect(nameOf('https://orders.shop.clerk:443/')).toBe('/shop/orders');
  expect(nameOf('http://orders%2eshop.clerk/')).toBe('/shop/orders');
  expect(nameOf('http://orders．shop.clerk/')).toBe('/shop/orders');
});

test('other hosts have no name', () => {
  for (const host of [
    'example.com',
    'clerk.com',
    'orders.shop.clerk.example.com',
    'xclerk',
    'orders.xclerk',
    'orders.clerks',
    'localhost',
    '127.0.0.1',
    '[::1]',
    '',
    '.',
    'com.',
    'orders.cler\u212a',
  ]) {
    expect(nameFromHostname(host, '8080')).toBeUndefined();
  }
});

test('rejects an invalid host under .clerk', () => {
  expect(rejection('orders.shop.clerk', '8080')).toBe(
    "Host 'orders.shop.clerk:8080' must not have a port; remove the port, since a call uses the port of the endpoint",
  );
  expect(rejection('orders.clerk.')).toBe("Host 'orders.clerk.' must not end with a dot; remove the dot");
  expect(rejection('clerk')).toBe("Host 'clerk' must have a name before 'clerk', such as orders.shop.clerk");
  expect(rejection('orders..clerk')).toBe(
    "Host 'orders..clerk' stands for the name '//orders', which is invalid at segment 1: '' must not be empty; write a single '/' between segments",
  );
  for (const host of [
    '.clerk',
    'clerk.',
    'orders.clerk..',
    'a_b.clerk',
    '_d7.clerk',
    'orders._d7.clerk',
    '-a.clerk',
    'a-.clerk',
    'xn--bcher-kva.clerk',
    'ORDERS.clerk',
    'orders.CLERK',
    'orders.Clerk.',
    '*.clerk',
    `${'a'.repeat(64)}.clerk`,
    `${'a.'.repeat(17)}clerk`,
    `${'abcdefg.'.repeat(32)}clerk`,
  ]) {
    expect(rejection(host)).toMatch(/^Host '/);
  }
  for (const url of [
    'http://orders.clerk:8080',
    'https://orders.clerk:80',
    'http://bücher.clerk',
    'http://orders.clerk.',
  ]) {
    expect(() => nameOf(url)).toThrow(/^Host '/);
  }
});

test('every name without a directory identifier maps to a valid DNS name and back', () => {
  fc.assert(
    fc.property(plainName, (name) => {
      const host = hostnameOf(name);
      expect(host.length).toBeLessThanOrEqual(252);
      expect(new URL(`http://${host}/`).host).toBe(host);
      expect(nameOf(`http://${host}/`)).toBe(name);
    }),
    { seed, numRuns: 2_000 },
  );
});

test('a directory identifier gives a unique Host header that maps to no name', () => {
  expect(hostnameOf('/#d7/shop/orders')).toBe('orders.shop._d7.clerk');
  fc.assert(
    fc.property(
      anyName.filter((name) => name.startsWith('/#')),
      anyName,
      (name, other) => {
        const host = hostnameOf(name);
        expect(new URL(`http://${host}/`).host).toBe(host);
        expect(() => nameOf(`http://${host}/`)).toThrow(/^Host '/);
        expect(hostnameOf(other) === host).toBe(other === name);
      },
    ),
    { seed, numRuns: 1_000 },
  );
});

test('no host made of an invalid name maps to a name', () => {
  fc.assert(
    fc.property(brokenName, (name) => {
      // A dot in a label separates two labels.
      fc.pre(!name.includes('.'));
      expect(rejection(`${name.slice(1).split('/').reverse().join('.')}.clerk`)).toMatch(/^Host '/);
    }),
    { seed, numRuns: 1_000 },
  );
});
