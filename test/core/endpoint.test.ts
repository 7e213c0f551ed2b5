import { expect, test } from 'vitest';
import { toEndpoint } from '../../src/core/endpoint.js';
import { isClerkError } from '../../src/core/errors.js';
import { toEndpointInit } from '../../src/core/to-endpoint-init.js';

function rejection(input: unknown): string {
  try {
    return JSON.stringify(toEndpoint(input, '/shop/orders'));
  } catch (error) {
    if (isClerkError(error) && error.code === 'CONFIG_INVALID') return error.message;
    throw error;
  }
}

const address = 'http://127.0.0.1:3001';

function pinOf(letter: string): string {
  return `sha256/${letter.repeat(42)}A`;
}

test('an address alone is an endpoint with default values', () => {
  const bare = {
    id: address,
    epoch: 0,
    address,
    addresses: [address],
    weight: 1,
    enumeratedAddresses: [],
    namesInstance: false,
    host: undefined,
    hostId: undefined,
    zone: undefined,
    version: undefined,
    state: 'up',
    attributes: {},
    keys: [],
    cert: undefined,
  };
  for (const input of [
    address,
    `${address}/`,
    new URL(address),
    { address },
    { addresses: [new URL(address)] },
  ]) {
    expect(toEndpoint(input, '/shop/orders')).toEqual(bare);
  }
});

test('an endpoint keeps all given values', () => {
  const endpoint = toEndpoint(
    {
      id: 'orders-1',
      epoch: 3,
      addresses: ['unix:/run/orders.sock', address],
      weight: 0,
      enumeratedAddresses: [address],
      namesInstance: true,
      host: 'host-1',
      hostId: 'boot-1/7',
      zone: 'a',
      version: '2.1.0',
      state: 'draining',
      attributes: { tier: 'gold' },
      leaseMs: 10_000,
      key: pinOf('a'),
      formerKey: pinOf('b'),
      cert: 'MIIB',
    },
    '/shop/orders',
  );
  expect(endpoint).toEqual({
    id: 'orders-1',
    epoch: 3,
    address: 'unix:/run/orders.sock',
    addresses: ['unix:/run/orders.sock', address],
    weight: 0,
    enumeratedAddresses: [address],
    namesInstance: true,
    host: 'host-1',
    hostId: 'boot-1/7',
    zone: 'a',
    version: '2.1.0',
    state: 'draining',
    attributes: { tier: 'gold' },
    keys: [pinOf('a'), pinOf('b')],
    cert: 'MIIB',
  });
  expect(toEndpoint(toEndpointInit(endpoint), '/shop/orders')).toEqual(endpoint);
});

test('an endpoint may state one key, or the same key twice', () => {
  expect(toEndpoint({ address, key: pinOf('a') }, '/s').keys).toEqual([pinOf('a')]);
  expect(toEndpoint({ address, key: pinOf('a'), formerKey: pinOf('a') }, '/s').keys).toEqual([pinOf('a')]);
});

test('an endpoint is immutable, also through its input', () => {
  const init = { addresses: [address], attributes: { tier: 'gold' } };
  const endpoint = toEndpoint(init, '/shop/orders');
  init.addresses[0] = 'http://10.0.0.1:1';
  init.attributes.tier = 'silver';
  expect(endpoint).toMatchObject({ addresses: [address], attributes: { tier: 'gold' } });
  for (const part of [endpoint, endpoint.addresses, endpoint.attributes])
    expect(Object.isFrozen(part)).toBe(true);
});

test('attributes may be named like members of Object.prototype', () => {
  const { attributes } = toEndpoint(
    { address, attributes: JSON.parse('{"__proto__":"x","constructor":"y"}') },
    '/shop/orders',
  );
  expect(Object.entries(attributes)).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
  expect(({} as { x?: unknown }).x).toBeUndefined();
  expect(toEndpoint({ address, attributes: {} }, '/shop/orders').attributes.tier).toBeUndefined();
});

test('rejects invalid input and names the service and the problem', () => {
  const idRule =
    'must have an id (default: the first address) of 1 to 128 printable ASCII characters without spaces; got';
  const wrong: [unknown, string][] = [
    [undefined, 'must be an address, or an object with an address; got undefined'],
    [null, 'must be an address, or an object with an address; got null'],
    [7, 'must be an address, or an object with an address; got 7'],
    [[address], 'must be an address, or an object with an address; got a list'],
    [() => address, 'must be an address, or an object with an address; got a function'],
    [{}, "must have 'address', or 'addresses' with 1 to 16 entries"],
    [{ addresses: [] }, "must have 'address', or 'addresses' with 1 to 16 entries"],
    [{ addresses: Array(17).fill(address) }, "must have 'address', or 'addresses' with 1 to 16 entries"],
    [{ addresses: address }, "must have 'address', or 'addresses' with 1 to 16 entries"],
    [{ address, addresses: [address] }, "must have either 'address' or 'addresses'; got both"],
    [{ addresses: new Array(2) }, 'has an invalid address: Address must be a string or a URL; got undefined'],
    [{ address: () => address }, 'has an invalid address: Address must be a string or a URL; got a function'],
    [
      { address: Object.create(null) },
      'has an invalid address: Address must be a string or a URL; got an object',
    ],
    [{ address: 'orders:3001' }, "has an invalid address: Address 'orders:3001' must have the form"],
    [{ address, port: 3001 }, "has the unknown field 'port'; known fields are address, addresses, id, "],
    [{ address, weight: -1 }, 'must have a weight from 0 to 1000; got -1'],
    [{ address, weight: NaN }, 'must have a weight from 0 to 1000; got NaN'],
    [{ address, weight: Infinity }, 'must have a weight from 0 to 1000; got Infinity'],
    [{ address, weight: 1_000.5 }, 'must have a weight from 0 to 1000; got 1000.5'],
    [{ address, weight: '1' }, "must have a weight from 0 to 1000; got '1'"],
    [{ address, epoch: 1.5 }, 'must have an integer epoch ≥ 0; got 1.5'],
    [{ address, epoch: -1 }, 'must have an integer epoch ≥ 0; got -1'],
    [{ address, epoch: 2 ** 53 }, 'must have an integer epoch ≥ 0; got 9007199254740992'],
    [{ address, state: 'down' }, "must have the state 'up', 'draining' or 'suspect'; got 'down'"],
    [{ address, leaseMs: 0 }, 'must have a leaseMs > 0; got 0'],
    [{ address, leaseMs: NaN }, 'must have a leaseMs > 0; got NaN'],
    [{ address, zone: '' }, "must have a zone of 1 to 253 characters; got ''"],
    [{ address, zone: 'z'.repeat(254) }, 'must have a zone of 1 to 253 characters'],
    [{ address, host: 7 }, 'must have a host of 1 to 253 characters; got 7'],
    [{ address, version: {} }, 'must have a version of 1 to 253 characters; got an object'],
    [{ address, attributes: [] }, 'must have an object as attributes; got an empty list'],
    [{ address, attributes: null }, 'must have an object as attributes; got null'],
    [{ address, attributes: { n: 1 } }, "must have a string as attribute 'n'; got 1"],
    [{ address, id: '' }, `${idRule} ''`],
    [{ address, id: 'a b' }, `${idRule} 'a b'`],
    [{ address, id: 'ä' }, `${idRule} '\\u00e4'`],
    [{ address, id: 'i'.repeat(129) }, `${idRule} '${'i'.repeat(80)}…'`],
    [{ address, id: 7 }, `${idRule} 7`],
    [
      { address, key: 'sha256/a' },
      "must have keys of the form 'sha256/' and 43 characters of base64url; got",
    ],
    [
      { address, key: [pinOf('a')] },
      "must have keys of the form 'sha256/' and 43 characters of base64url; got",
    ],
    [
      { address, formerKey: pinOf('a') },
      "must have keys of the form 'sha256/' and 43 characters of base64url; got",
    ],
    [{ address, cert: '-----BEGIN CERTIFICATE-----' }, 'must have a certificate as DER in base64; got'],
    ['unix:/run/my sock', `${idRule} 'unix:/run/my sock'`],
  ];
  for (const [input, message] of wrong)
    expect(rejection(input)).toContain(`Endpoint of /shop/orders ${message}`);
});

test('an endpoint accepts values at the limits', () => {
  const endpoint = toEndpoint(
    {
      addresses: Array<string>(16).fill(address),
      id: 'i'.repeat(128),
      zone: 'z'.repeat(253),
      weight: 1_000,
      epoch: Number.MAX_SAFE_INTEGER,
    },
    '/shop/orders',
  );
  expect(endpoint.addresses).toHaveLength(16);
  expect(Object.is(toEndpoint({ address, weight: -0 }, '/shop/orders').weight, 0)).toBe(true);
});
