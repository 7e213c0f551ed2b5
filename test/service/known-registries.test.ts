import { expect, test } from 'vitest';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { KnownRegistries } from '../../src/service/known-registries.js';

const [first, second, other] = [1, 2, 3].map(() => systemKeys.create('/registry').pin) as [
  string,
  string,
  string,
];

test('a key stands for the keys that its registry has announced last', () => {
  const known = new KnownRegistries();
  expect(known.presentKeys([first])).toEqual([first]);
  known.update({ keys: [first, second], incarnation: 'a' });
  expect(known.presentKeys([first, other])).toEqual([first, second, other]);
  known.update({ keys: [second], incarnation: 'a' });
  expect(known.presentKeys([first])).toEqual([second]);
  expect(known.version).toBe(2);
});

test('a ticket of an earlier incarnation is outdated, with each key of the registry', () => {
  const known = new KnownRegistries();
  expect(known.isOutdated('a', first)).toBe(false);
  known.update({ keys: [first, second], incarnation: 'b' });
  for (const key of [first, second])
    expect(['a', 'b', 'c'].map((incarnation) => known.isOutdated(incarnation, key))).toEqual([
      true,
      false,
      false,
    ]);
  expect(known.isOutdated('a', other)).toBe(false);
});

test('the last statement counts, even when its incarnation is earlier', () => {
  const known = new KnownRegistries();
  known.update({ keys: [first], incarnation: 'b' });
  known.update({ keys: [first], incarnation: 'a' });
  expect(known.isOutdated('a', first)).toBe(false);
});
