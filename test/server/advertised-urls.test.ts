/** The addresses that a server announces without the option `advertise`. */
import { expect, test } from 'vitest';
import { advertisedUrls } from '../../src/server/advertised-urls.js';

const addresses = ['10.0.0.7', 'fd00::7', '169.254.1.1', '192.168.1.7'];
const urls = (host: string, hostAddresses = addresses, scheme: 'http' | 'https' = 'http') =>
  advertisedUrls(undefined, { scheme, host, port: 4_711, hostAddresses: () => hostAddresses });

test.each([
  ['127.0.0.1', ['http://127.0.0.1:4711']],
  ['::1', ['http://[::1]:4711']],
  ['registry.internal', ['http://registry.internal:4711']],
  ['0.0.0.0', ['http://10.0.0.7:4711', 'http://192.168.1.7:4711']],
  ['::', ['http://10.0.0.7:4711', 'http://[fd00::7]:4711', 'http://192.168.1.7:4711']],
  ['169.254.1.1', []],
])('a server that listens on %s', (host, expected) => {
  expect(urls(host)).toEqual(expected);
});

test('a server on all interfaces of a host without addresses has loopback', () => {
  expect([urls('0.0.0.0', []), urls('::', [])]).toEqual([['http://127.0.0.1:4711'], ['http://[::1]:4711']]);
});

test('at most 16 addresses are announced, with the scheme of the server', () => {
  const many = Array.from({ length: 40 }, (_, i) => `10.0.0.${i}`);
  expect(urls('0.0.0.0', many, 'https')).toHaveLength(16);
  expect(urls('0.0.0.0', many, 'https')[0]).toBe('https://10.0.0.0:4711');
});
