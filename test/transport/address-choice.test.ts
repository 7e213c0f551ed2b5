import { expect, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { AddressChoice } from '../../src/transport/address-choice.js';

const [a, b, c] = ['http://10.0.0.1:1', 'http://10.0.0.2:1', 'http://10.0.0.3:1'].map((text) =>
  parseAddress(text),
) as [ReturnType<typeof parseAddress>, ReturnType<typeof parseAddress>, ReturnType<typeof parseAddress>];

test('each failed dial chooses the next address, and the first one after the last', () => {
  const choice = new AddressChoice([a, b, c]);
  const dials = [a, b, c].map((address) => [choice.onDialFailed(address), choice.current]);
  expect(dials).toEqual([
    [true, b],
    [true, c],
    [false, a],
  ]);
  expect(choice.isExhausted).toBe(true);
});

test('a late failure of an earlier address changes nothing', () => {
  const choice = new AddressChoice([a, b]);
  choice.onDialFailed(a);
  expect([choice.onDialFailed(a), choice.current, choice.isExhausted]).toEqual([true, b, false]);
});

test('after a connection, the address stays and the others may be dialled again', () => {
  const choice = new AddressChoice([a, b]);
  choice.onDialFailed(a);
  choice.onConnected();
  expect(choice.current).toBe(b);
  expect([choice.onDialFailed(b), choice.current]).toEqual([true, a]);
});
