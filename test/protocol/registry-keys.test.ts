import { expect, test } from 'vitest';
import { parseRegistryKeys } from '../../src/protocol/registry-keys.js';
import { systemKeys } from '../../src/runtime/system-keys.js';

const pins = Array.from({ length: 5 }, () => systemKeys.create('/registry').pin);

test('one to four pins are read in their order', () => {
  expect(parseRegistryKeys(pins[0] as string)).toEqual([pins[0]]);
  expect(parseRegistryKeys(pins.slice(0, 4).join(' '))).toEqual(pins.slice(0, 4));
});

test.each([
  '',
  ' ',
  'sha256/x',
  `${String(pins[0])},${String(pins[1])}`,
  `${String(pins[0])} `,
  pins.join(' '),
])('the text %j is not a list of keys', (text) => {
  expect(parseRegistryKeys(text)).toBeUndefined();
});
