/** Messages about values that a program gives in a wrong form: each names the forms that work. */
import { createClerk } from 'binding-clerk';
import { memoryCluster } from 'binding-clerk/testing';
import { describe, expect, onTestFinished, test } from 'vitest';

const forms =
  "createClerk: registry must be an http: or https: URL such as 'http://127.0.0.1:4711', a list of such URLs, an object of static addresses, or an object with a resolve method; got ";

test.each(['localhost:4711', 'ftp://x', 'tcp://x', 'etcd://x', 'x', ''])(
  'the registry %j is rejected with the valid forms',
  (registry) => {
    expect(() => createClerk({ registry })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: `${forms}'${registry}'` }),
    );
  },
);

test.each([
  [{ host: '' }, 'createClerk: host must be a string'],
  [{ zone: '' }, 'createClerk: zone must be a string'],
  [{ snapshotFile: '' }, 'createClerk: snapshotFile must be a string'],
  [{ root: 'shop' }, "createClerk: root 'shop' must begin with '/'"],
])('options %j', (options, message) => {
  expect(() => createClerk(options)).toThrow(message);
});

describe('memoryCluster', () => {
  test('without options responds with the id of the endpoint', async () => {
    const { clerk } = memoryCluster({ '/shop/orders': ['a'] });
    onTestFinished(() => clerk.destroy());
    expect(await clerk.bind('/shop/orders').json('/')).toEqual({ endpoint: 'a' });
  });

  test('with an unknown option throws, and names it', () => {
    expect(() => memoryCluster({ '/shop/orders': ['a'] }, { sed: 1 } as object)).toThrow(
      "memoryCluster(): unknown option 'sed'; known options are seed, latencyMs, clerk, autoAdvance",
    );
  });
});

test.each(['http://orders.shop.clerk/', 'https://orders.shop.clerk', 'orders.shop.clerk'])(
  'bind(%j) points to the path form and to fetch',
  (name) => {
    const { clerk } = memoryCluster({ '/shop/orders': ['a'] });
    onTestFinished(() => clerk.destroy());
    expect(() => clerk.bind(name)).toThrow(
      `bind('${name}'): the name must be a path such as '/shop/orders', not a URL or a host; for a URL such as http://orders.shop.clerk, use clerk.fetch()`,
    );
  },
);

test('request() with a path instead of an object states the form', async () => {
  const { clerk } = memoryCluster({ '/shop/orders': ['a'] });
  onTestFinished(() => clerk.destroy());
  await expect(clerk.bind('/shop/orders').request('/orders/7' as never)).rejects.toThrow(
    "Request to /shop/orders: options must be an object with a path, such as { path: '/orders/7' }; got '/orders/7'",
  );
});
