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

test('a ticket is outdated when a later incarnation has accepted a registration, with each key of the registry', () => {
  const known = new KnownRegistries();
  expect(known.isOutdated('a', first)).toBe(false);
  known.update({ keys: [first, second], incarnation: 'b' });
  // The registry may not know the service yet, so clients get no ticket of the new incarnation.
  expect(known.isOutdated('a', first)).toBe(false);
  known.confirm([first]);
  for (const key of [first, second])
    expect(['a', 'b', 'c'].map((incarnation) => known.isOutdated(incarnation, key))).toEqual([
      true,
      false,
      false,
    ]);
  expect(known.isOutdated('a', other)).toBe(false);
  expect(known.version).toBe(2);
  known.confirm([first, second, other]);
  expect(known.version).toBe(2);
});

test('the last accepted registration counts, even when its incarnation is earlier', () => {
  const known = new KnownRegistries();
  for (const incarnation of ['b', 'a']) {
    known.update({ keys: [first], incarnation });
    known.confirm([first]);
  }
  expect(known.isOutdated('a', first)).toBe(false);
});
