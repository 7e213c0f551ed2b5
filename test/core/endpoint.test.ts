import { expect, test } from 'vitest';
import { toEndpoint } from '../../src/core/endpoint.js';
import { isClerkError } from '../../src/core/errors.js';

function refusal(input: unknown): string {
  try {
    return JSON.stringify(toEndpoint(input, '/shop/orders'));
  } catch (error) {
    if (isClerkError(error) && error.code === 'CONFIG_INVALID') return error.message;
    throw error;
  }
}

const address = 'http://127.0.0.1:3001';

test('an address alone is an endpoint, with everything else as when nothing is known', () => {
  const bare = {
    id: address,
    epoch: 0,
    address,
    addresses: [address],
    weight: 1,
    host: undefined,
    zone: undefined,
    version: undefined,
    state: 'up',
    attributes: {},
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

test('everything that is written is kept', () => {
  const endpoint = toEndpoint(
    {
      id: 'orders-1',
      epoch: 3,
      addresses: ['unix:/run/orders.sock', address],
      weight: 0,
      host: 'host-1',
      zone: 'a',
      version: '2.1.0',
      state: 'draining',
      attributes: { tier: 'gold' },
      leaseMs: 10_000,
    },
    '/shop/orders',
  );
  expect(endpoint).toEqual({
    id: 'orders-1',
    epoch: 3,
    address: 'unix:/run/orders.sock',
    addresses: ['unix:/run/orders.sock', address],
    weight: 0,
    host: 'host-1',
    zone: 'a',
    version: '2.1.0',
    state: 'draining',
    attributes: { tier: 'gold' },
  });
});

test('an endpoint cannot be changed, neither directly nor through what it was made of', () => {
  const init = { addresses: [address], attributes: { tier: 'gold' } };
  const endpoint = toEndpoint(init, '/shop/orders');
  init.addresses[0] = 'http://10.0.0.1:1';
  init.attributes.tier = 'silver';
  expect(endpoint).toMatchObject({ addresses: [address], attributes: { tier: 'gold' } });
  for (const part of [endpoint, endpoint.addresses, endpoint.attributes])
    expect(Object.isFrozen(part)).toBe(true);
});

test('attributes with dangerous names are only attributes', () => {
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

test('what cannot be used is refused, with whose it is and what is wrong', () => {
  const wrong: [unknown, string][] = [
    [undefined, 'is undefined, not an address or an object with one'],
    [null, 'is null, not an address or an object with one'],
    [7, 'is 7, not an address or an object with one'],
    [[address], 'is a list, not an address or an object with one'],
    [{}, "needs 'address', or 'addresses' with 1 to 16 of them"],
    [{ addresses: [] }, "needs 'address', or 'addresses' with 1 to 16 of them"],
    [{ addresses: Array(17).fill(address) }, "needs 'address', or 'addresses' with 1 to 16 of them"],
    [{ addresses: address }, "needs 'address', or 'addresses' with 1 to 16 of them"],
    [{ address, addresses: [address] }, "has both 'address' and 'addresses'; give one of them"],
    [{ addresses: new Array(2) }, 'cannot be used: Address undefined is not a string'],
    [{ address: Object.create(null) }, 'cannot be used: Address object is not a string'],
    [{ address: 'orders:3001' }, "cannot be used: Address 'orders:3001' has not the form of"],
    [{ address, port: 3001 }, "has an unknown key 'port'; known are address, addresses, id, "],
    [{ address, weight: -1 }, 'has the weight -1; it must be a finite number ≥ 0'],
    [{ address, weight: NaN }, 'has the weight NaN'],
    [{ address, weight: Infinity }, 'has the weight Infinity'],
    [{ address, weight: '1' }, "has the weight '1'"],
    [{ address, epoch: 1.5 }, 'has the epoch 1.5; it must be an integer ≥ 0'],
    [{ address, epoch: -1 }, 'has the epoch -1'],
    [{ address, epoch: 2 ** 53 }, 'has the epoch 9007199254740992'],
    [{ address, state: 'down' }, "has the state 'down'; 'up', 'draining' and 'suspect' are known"],
    [{ address, leaseMs: 0 }, 'has the leaseMs 0; it must be a number of ms above 0'],
    [{ address, leaseMs: NaN }, 'has the leaseMs NaN'],
    [{ address, zone: '' }, "has the zone ''; it must be a string of 1 to 253 characters"],
    [{ address, zone: 'z'.repeat(254) }, 'has the zone'],
    [{ address, host: 7 }, 'has the host 7'],
    [{ address, version: {} }, 'has the version an object'],
    [{ address, attributes: [] }, 'has attributes that are a list, not an object'],
    [{ address, attributes: null }, 'has attributes that are null, not an object'],
    [{ address, attributes: { n: 1 } }, "has the attribute 'n' that is 1, not a string"],
    [{ address, id: '' }, "has the id ''"],
    [{ address, id: 'a b' }, "has the id 'a b'"],
    [{ address, id: 'ä' }, "has the id '\\u00e4'"],
    [
      { address, id: 'i'.repeat(129) },
      `has the id '${'i'.repeat(80)}…', its first address unless given; it must be 1 to 128`,
    ],
    [{ address, id: 7 }, 'has the id 7'],
    ['unix:/run/my sock', "has the id 'unix:/run/my sock', its first address unless given"],
  ];
  for (const [input, message] of wrong)
    expect(refusal(input)).toContain(`Endpoint of /shop/orders ${message}`);
});

test('limits are inclusive', () => {
  const endpoint = toEndpoint(
    {
      addresses: Array<string>(16).fill(address),
      id: 'i'.repeat(128),
      zone: 'z'.repeat(253),
      weight: Number.MAX_VALUE,
      epoch: Number.MAX_SAFE_INTEGER,
    },
    '/shop/orders',
  );
  expect(endpoint.addresses).toHaveLength(16);
  expect(Object.is(toEndpoint({ address, weight: -0 }, '/shop/orders').weight, 0)).toBe(true);
});
