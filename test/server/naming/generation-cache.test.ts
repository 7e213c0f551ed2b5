import { expect, test } from 'vitest';
import { GenerationCache } from '../../../src/server/naming/generation-cache.js';

const keys = Array.from({ length: 100 }, (_, i) => `k${String(i)}`);

/** Returns the keys whose values are held after all values were stored. A use would change what is held. */
function heldKeys(maxEntries: number, maxBytes: number): readonly string[] {
  return keys.filter((key) => {
    const cache = new GenerationCache<string>({ maxEntries, maxBytes });
    for (const each of keys) cache.set(each, each, 10);
    return cache.get(key) === key;
  });
}

test('two generations hold at most twice the bytes of one', () => {
  expect(heldKeys(1_000, 50)).toEqual(keys.slice(-10));
});

test('two generations hold at most twice the values of one', () => {
  expect(heldKeys(3, 1_000)).toEqual(keys.slice(-4));
});

test('a value that is read again and again stays', () => {
  const cache = new GenerationCache<string>({ maxEntries: 1_000, maxBytes: 50 });
  for (const key of keys) {
    cache.set(key, key, 10);
    expect(cache.get('k0')).toBe('k0');
  }
});

test('a value above the maximum is not kept, and a replaced value counts once', () => {
  const cache = new GenerationCache<string>({ maxEntries: 1_000, maxBytes: 50 });
  cache.set('large', 'large', 51);
  expect(cache.get('large')).toBeUndefined();
  for (let i = 0; i < 20; i++) cache.set('k0', String(i), 40);
  cache.set('k1', 'k1', 10);
  expect([cache.get('k0'), cache.get('k1')]).toEqual(['19', 'k1']);
  cache.clear();
  expect([cache.get('k0'), cache.get('k1')]).toEqual([undefined, undefined]);
});
