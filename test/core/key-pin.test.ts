import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { digestOfPin, isPin, parsePin, parsePins, pinOfDigest } from '../../src/core/key-pin.js';

const seed = 20_260;
const digest = Buffer.alloc(32, 7).toString('base64url');
const pin = `sha256/${digest}`;

function rejection(parse: () => unknown): string {
  try {
    return JSON.stringify(parse());
  } catch (error) {
    if (isClerkError(error) && error.code === 'CONFIG_INVALID') return error.message;
    throw error;
  }
}

test('a pin is the digest with its prefix', () => {
  expect(parsePin(pin)).toBe(pin);
  expect(pinOfDigest(digest)).toBe(pin);
  expect(digestOfPin(pin)).toBe(digest);
});

test('every SHA-256 has exactly one spelling', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.nat(42),
      fc.nat(63),
      (bytes, at, other) => {
        const text = pinOfDigest(Buffer.from(bytes).toString('base64url'));
        expect(isPin(text)).toBe(true);
        // Another last digit decodes to the same bytes in a lenient decoder.
        const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
        const position = 7 + at;
        const changed = text.slice(0, position) + String(digits[other]) + text.slice(position + 1);
        if (changed !== text && isPin(changed))
          expect(Buffer.from(digestOfPin(changed), 'base64url').equals(Buffer.from(bytes))).toBe(false);
      },
    ),
    { seed, numRuns: 2_000 },
  );
});

test.each([
  ['no prefix', digest],
  ['another hash', `sha1/${digest}`],
  ['too short', pin.slice(0, -1)],
  ['too long', `${pin}A`],
  ['padding', `${pin}=`],
  ['a last digit with unused bits', `${pin.slice(0, -1)}d`],
  ['a space', ` ${pin}`],
  ['a line break', `${pin}\n`],
  ['no text', 7],
  ['nothing', undefined],
])('rejects %s', (_, text) => {
  expect(isPin(text)).toBe(false);
  expect(rejection(() => parsePin(text))).toMatch(/^Registry key must be 'sha256\/' and 43 characters/);
});

test('standard base64 is not corrected, but explained', () => {
  const standard = `sha256/${Buffer.alloc(32, 0xfb).toString('base64')}`;
  expect(rejection(() => parsePin(standard))).toMatch(/write '-' for '\+', '_' for '\/'/);
});

test('another text is not quoted, since it may be a secret', () => {
  const secret = 'MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v';
  expect(rejection(() => parsePin(secret))).not.toContain(secret);
});

test('several pins come as a list or as a text with commas', () => {
  const other = pinOfDigest(Buffer.alloc(32, 8).toString('base64url'));
  expect(parsePins(pin)).toEqual([pin]);
  expect(parsePins(`${pin}, ${other}`)).toEqual([pin, other]);
  expect(parsePins([pin, other, pin])).toEqual([pin, other]);
  expect(rejection(() => parsePins([]))).toMatch(/at least one pin/);
  expect(rejection(() => parsePins(''))).toMatch(/must be 'sha256/);
  expect(rejection(() => parsePins([pin, 'x']))).toMatch(/must be 'sha256/);
});
