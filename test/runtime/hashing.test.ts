import { expect, test } from 'vitest';
import { systemHashing } from '../../src/runtime/hashing.js';

test('sha256 matches FIPS 180-4 for UTF-8 text', () => {
  expect(systemHashing.sha256('abc')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  expect(systemHashing.sha256('é')).toBe('4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c');
});

test('timingSafeEqual compares strings of any two lengths', () => {
  for (const [a, b, same] of [
    ['', '', true],
    ['a', '', false],
    ['secret', 'secret', true],
    ['secret', 'secreT', false],
    ['secret', 'secret and more', false],
  ] as const)
    expect(systemHashing.timingSafeEqual(a, b)).toBe(same);
});

test('randomHex returns the requested number of bytes, different each time', () => {
  const values = Array.from({ length: 100 }, () => systemHashing.randomHex(32));
  for (const text of values) expect(text).toMatch(/^[0-9a-f]{64}$/);
  expect(new Set(values).size).toBe(100);
});
