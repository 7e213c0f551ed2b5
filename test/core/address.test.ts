import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLocal, parseAddress } from '../../src/core/address.js';
import { isClerkError } from '../../src/core/errors.js';

const seed = 20_243;

function rejection(input: unknown): string {
  try {
    return JSON.stringify(parseAddress(input));
  } catch (error) {
    if (isClerkError(error) && error.code === 'CONFIG_INVALID') return error.message;
    throw error;
  }
}

test('parses an address of every form', () => {
  const read = (input: unknown): unknown[] => {
    const { text, protocol, hostname, port, socketPath } = parseAddress(input);
    return [text, protocol, hostname, port, socketPath];
  };
  expect(read('http://10.0.0.7:3001')).toEqual(['http://10.0.0.7:3001', 'http', '10.0.0.7', 3001, undefined]);
  expect(read('https://Orders-1.example.com')).toEqual([
    'https://Orders-1.example.com',
    'https',
    'Orders-1.example.com',
    443,
    undefined,
  ]);
  expect(read('http://orders')).toEqual(['http://orders', 'http', 'orders', 80, undefined]);
  expect(read('http://xn--bcher-kva.example')).toEqual([
    'http://xn--bcher-kva.example',
    'http',
    'xn--bcher-kva.example',
    80,
    undefined,
  ]);
  expect(read('http://shop_orders_1:3001')).toEqual([
    'http://shop_orders_1:3001',
    'http',
    'shop_orders_1',
    3001,
    undefined,
  ]);
  expect(read('tcp://[::1]:6379')).toEqual(['tcp://[::1]:6379', 'tcp', '::1', 6379, undefined]);
  expect(read('http://[::ffff:10.0.0.7]:65535')).toEqual([
    'http://[::ffff:10.0.0.7]:65535',
    'http',
    '::ffff:10.0.0.7',
    65_535,
    undefined,
  ]);
  expect(read('unix:/run/orders.sock')).toEqual(['unix:/run/orders.sock', 'http', '', 0, '/run/orders.sock']);
  expect(read('unix+https:/run/orders.sock')).toEqual([
    'unix+https:/run/orders.sock',
    'https',
    '',
    0,
    '/run/orders.sock',
  ]);
  expect(read(new URL('http://127.0.0.1:3001'))).toEqual([
    'http://127.0.0.1:3001',
    'http',
    '127.0.0.1',
    3001,
    undefined,
  ]);
  expect(read(new URL('unix:/run/orders.sock'))).toEqual([
    'unix:/run/orders.sock',
    'http',
    '',
    0,
    '/run/orders.sock',
  ]);
});

test('an address has one spelling in all input forms', () => {
  const spellings = ['http://127.0.0.1:3001', 'http://127.0.0.1:3001/', new URL('http://127.0.0.1:3001')];
  expect(new Set(spellings.map((input) => parseAddress(input).text))).toEqual(
    new Set(['http://127.0.0.1:3001']),
  );
});

test('rejects ambiguous addresses instead of repairing them', () => {
  for (const text of [
    '',
    'orders:3001',
    '10.0.0.7:3001',
    'ftp://orders',
    'HTTP://orders',
    'http:/orders',
    'http:orders',
    'http://',
    'http://:3001',
    'http://orders:',
    'http://orders:3001/path',
    'http://orders:3001//',
    'http://orders:3001?q',
    'http://orders:3001#h',
    'http://user@orders:3001',
    'http://orders:3001 ',
    ' http://orders:3001',
    'http://orders:3001\n',
    'http://ord ers',
    'http://ord%65rs',
    'http://örders',
    'http://-orders',
    'http://orders.',
    'http://ord..ers',
    'http://xn--a',
    'http://xn--a-.example',
    'http://xn--a.xn--bcher-kva',
    `http://${'a.'.repeat(127)}`,
    `http://${'a.'.repeat(127)}a`,
    'unix:run/orders.sock',
    'unix:/',
    'unix:',
    'unix:/a\0b',
    'unix:/a\nb',
    'unix:/a\u202eb',
    'unix+http:/run/orders.sock',
    // Other programs read these as 127.0.0.1, 8.0.0.1 and 0.0.0.1.
    'http://127.1',
    'http://0x7f.1',
    'http://0x7f000001',
    'http://2130706433',
    'http://010.0.0.1',
    'http://1',
    'http://256.0.0.1',
    'http://1.2.3.4.5',
    'http://[::1',
    'http://[::1]x',
    'http://[1]',
    'http://[::::]:80',
    'http://[.]',
    'http://[fe80::1%eth0]',
  ]) {
    expect(rejection(text), text).toMatch(/^Address '/);
  }
});

test('the message says what the address must be', () => {
  expect(rejection('tcp://orders')).toBe("Address 'tcp://orders' must have a port");
  expect(rejection('http://orders:0')).toBe(
    "Address 'http://orders:0' must have a port from 1 to 65535, without leading zeros",
  );
  expect(rejection('http://orders:65536')).toMatch(/must have a port from 1 to 65535/);
  expect(rejection('http://orders:080')).toMatch(/without leading zeros$/);
  expect(rejection('http://127.1:80')).toMatch(/or a complete IP address without leading zeros$/);
  expect(rejection('orders:3001')).toMatch(
    /must have the form http\(s\):\/\/host:port or tcp:.*, without path, query or user, or the form unix:/,
  );
  expect(rejection(`unix:/${'s'.repeat(107)}`)).toMatch(/must have a socket path of at most 107 bytes/);
  expect(rejection(`unix:/${'s'.repeat(106)}`)).toContain('"socketPath"');
  expect(rejection(`unix:/${'ß'.repeat(54)}`)).toMatch(/must have a socket path of at most 107 bytes/);
  expect(rejection(new URL('unix:/run/my sock'))).toBe(
    "Address 'unix:/run/my%20sock' must be a string, since a URL object percent-encodes the socket path",
  );
  for (const value of [undefined, null, 7, {}, [], () => 'x', Object.create(null), Symbol('s')]) {
    expect(rejection(value)).toMatch(
      /^Address must be a string or a URL; got (undefined|null|7|an object|an empty list|a function|a symbol)$/,
    );
  }
});

test('messages do not contain the password of an address', () => {
  for (const input of [
    'http://me:secret@orders:3001',
    new URL('http://me:secret@orders:3001'),
    'tcp://me:secret@@orders',
  ]) {
    expect(rejection(input)).toMatch(/^Address 'http:|^Address 'tcp:/);
    expect(rejection(input)).not.toContain('secret');
  }
});

test('a parsed address can be parsed again, and URL agrees with it', () => {
  const address = fc.tuple(
    fc.constantFrom('http', 'https', 'tcp'),
    fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((ip) => `[${ip}]`),
      fc.domain(),
    ),
    fc.integer({ min: 1, max: 65_535 }),
  );
  fc.assert(
    fc.property(address, ([protocol, host, port]) => {
      const text = `${protocol}://${host}:${String(port)}`;
      const parsed = parseAddress(text);
      expect(parseAddress(parsed.text)).toEqual(parsed);
      expect(parsed).toMatchObject({ text, protocol, port, hostname: host.replace(/[[\]]/g, '') });
      const url = new URL(`http://${host}:${String(port)}`);
      expect(parseAddress(url).port).toBe(url.port === '' ? 80 : port);
    }),
    { seed, numRuns: 1_000 },
  );
});

test('any input is either parsed or rejected', () => {
  const near = fc
    .array(
      fc.constantFrom(
        'http',
        's',
        'tcp',
        'unix',
        ':',
        '/',
        '//',
        '[',
        ']',
        '.',
        '1',
        '0',
        'a',
        '-',
        '@',
        '%',
        '?',
        '#',
        '65535',
        '::1',
      ),
      { maxLength: 10 },
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(near, fc.string({ unit: 'binary', maxLength: 200 }), fc.webUrl()), (text) => {
      expect(rejection(text)).toMatch(/^(Address '|\{"text")/);
    }),
    { seed, numRuns: 2_000 },
  );
});

test('only Unix sockets and loopback addresses are local', () => {
  const local = (text: string): boolean => isLocal(parseAddress(text));
  for (const text of [
    'unix:/run/orders.sock',
    'http://localhost:3001',
    'http://LocalHost:3001',
    'http://127.0.0.1',
    'http://127.255.3.4:80',
    'tcp://[::1]:1',
    'tcp://[0:0:0:0:0:0:0:1]:1',
    'http://[::ffff:127.0.0.1]',
    'http://[::ffff:7f00:1]',
  ]) {
    expect(local(text), text).toBe(true);
  }
  for (const text of [
    'http://10.0.0.7',
    'http://128.0.0.1',
    'http://[::2]',
    'http://[::ffff:10.0.0.1]',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://[7f00::1]',
  ]) {
    expect(local(text), text).toBe(false);
  }
});
