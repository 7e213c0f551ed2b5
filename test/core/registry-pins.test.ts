import { expect, test } from 'vitest';
import { RegistryPins } from '../../src/core/registry-pins.js';
import { systemKeys } from '../../src/runtime/system-keys.js';

const [first, second, third] = [1, 2, 3].map(() => systemKeys.create('/registry').pin) as [
  string,
  string,
  string,
];

test('an announcement replaces the stated keys, until other keys are stated', () => {
  let stated = [first];
  const pins = new RegistryPins(() => stated);
  expect(pins.learn([first])).toBe(false);
  expect(pins.learn([first, second])).toBe(true);
  expect(pins.present).toEqual([first, second]);
  expect(pins.learn([second])).toBe(true);
  expect(pins.present).toEqual([second]);
  stated = [third];
  expect(pins.present).toEqual([third]);
});

test('an announcement without an accepted key is ignored', () => {
  const pins = new RegistryPins(() => [first]);
  expect(pins.learn([second, third])).toBe(false);
  expect(pins.present).toEqual([first]);
});
