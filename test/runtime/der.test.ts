import { expect, test } from 'vitest';
import { derElement, derObjectIdentifier, derTime } from '../../src/runtime/der.js';

test.each([
  [0, '0400'],
  [127, '047f'],
  [128, '048180'],
  [255, '0481ff'],
  [256, '04820100'],
  [65_536, '0483010000'],
])('the length %i is written in the shortest form', (length, start) => {
  const bytes = derElement(0x04, Buffer.alloc(length));
  expect(bytes.subarray(0, bytes.length - length).toString('hex')).toBe(start);
});

test.each([
  ['1.3.101.112', '06032b6570'],
  ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
  ['2.5.29.17', '0603551d11'],
])('the object identifier %s is %s', (identifier, hex) =>
  expect(derObjectIdentifier(identifier).toString('hex')).toBe(hex),
);

test.each([
  ['20200101000000Z', 0x17, '200101000000Z'],
  ['20491231235959Z', 0x17, '491231235959Z'],
  ['20500101000000Z', 0x18, '20500101000000Z'],
  ['99991231235959Z', 0x18, '99991231235959Z'],
])('the time %s has the tag %i', (text, tag, content) => {
  const bytes = derTime(text);
  expect(bytes[0]).toBe(tag);
  expect(bytes.subarray(2).toString('latin1')).toBe(content);
});
