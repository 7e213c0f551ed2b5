import { expect, test } from 'vitest';
import { nearestFirst } from '../../src/registry-client/server-order.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';

const orders = (urls: readonly string[], count = 300) =>
  Array.from({ length: count }, (_, seed) =>
    nearestFirst(urls, createFakeRuntime({ seed, hostname: 'Here', hostAddresses: ['10.0.0.5', 'fd00::5'] })),
  );

test('programs with the same list begin at different servers, and with the same share of each', () => {
  const urls = ['https://a:4711', 'https://b:4711', 'https://c:4711'];
  const all = orders(urls);
  for (const url of urls)
    for (const place of [0, 1, 2]) {
      const count = all.filter((order) => order[place] === url).length;
      expect(count, `${url} at ${place}`).toBeGreaterThan(60);
      expect(count, `${url} at ${place}`).toBeLessThan(140);
    }
});

test.each([
  'http://127.0.0.1:4711',
  'http://localhost:4711',
  'http://[::1]:4711',
  'unix:/run/clerk.sock',
  'http://10.0.0.5:4711',
  'http://[fd00::5]:4711',
  'http://here:4711',
])('a server at %s, which is on this host, comes first', (near) => {
  for (const order of orders(['http://10.0.0.6:4711', near, 'http://there:4711'], 20))
    expect(order[0]).toBe(near);
});

test('several servers on this host keep their order', () => {
  const near = ['http://127.0.0.1:4712', 'http://10.0.0.5:4711', 'http://localhost:4711'];
  for (const order of orders(['http://there:4711', ...near], 20))
    expect(order).toEqual([...near, 'http://there:4711']);
});

test('a single server needs no order', () => {
  const urls = ['http://10.0.0.6:4711'];
  expect(nearestFirst(urls, createFakeRuntime({ seed: 1 }))).toBe(urls);
});
