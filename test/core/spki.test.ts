import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect, test } from 'vitest';
import { isAllowedKey, spkiPrefixes } from '../../src/core/spki.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { certificateOf } from '../attacks/rogue-certificate.js';

const der = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const ed25519 = (hex: string): Buffer => Buffer.concat([spkiPrefixes.Ed25519, Buffer.from(hex, 'hex')]);

test('Ed25519 keys and P-256 keys are allowed', () => {
  for (const algorithm of ['Ed25519', 'ES256'] as const)
    for (let i = 0; i < 20; i++) {
      const { spki, cert, pin } = systemKeys.create('/a', algorithm);
      expect(isAllowedKey(spki)).toBe(true);
      expect(systemKeys.enrollablePinOf(cert)).toBe(pin);
    }
});

test('keys of other kinds are not allowed', () => {
  const pairs = [
    generateKeyPairSync('rsa', { modulusLength: 2_048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('ed448'),
  ];
  for (const { publicKey, privateKey } of pairs) {
    expect(isAllowedKey(der(publicKey))).toBe(false);
    expect(systemKeys.enrollablePinOf(certificateOf(publicKey, privateKey))).toBeUndefined();
  }
  expect(isAllowedKey(Buffer.alloc(0))).toBe(false);
  expect(systemKeys.enrollablePinOf('no certificate')).toBeUndefined();
});

test('a P-256 key has one pin: a compressed point is not allowed', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [x, y] = [der(publicKey).subarray(27, 59), der(publicKey).subarray(59)];
  const sign = Buffer.from([(y.at(-1) as number) % 2 === 0 ? 2 : 3]);
  const head = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex');
  const compressed = Buffer.concat([head, sign, x]);
  expect(createPublicKey({ key: compressed, type: 'spki', format: 'der' }).asymmetricKeyType).toBe('ec');
  expect(isAllowedKey(compressed)).toBe(false);
  const pins = [der(publicKey), compressed].map((spki) =>
    systemKeys.enrollablePinOf(certificateOf(publicKey, privateKey, { spki })),
  );
  expect(pins[0]).toBe(systemKeys.pinOfKey(der(publicKey)));
  expect([undefined, pins[0]]).toContain(pins[1]);
  expect(isAllowedKey(Buffer.concat([der(publicKey), Buffer.alloc(1)]))).toBe(false);
});

// Each y with both signs of x, and its second encoding y + p where this fits into 255 bits.
test.each([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `01${'00'.repeat(30)}80`,
  `ec${'ff'.repeat(30)}7f`,
  `ec${'ff'.repeat(31)}`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  `ff${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
])('the point %s, for which everyone can sign, is not allowed', (hex) => {
  expect(isAllowedKey(ed25519(hex))).toBe(false);
  // Without a private key: S = 0 and R = the point at infinity, which is valid for the key of order 1.
  const forged = Buffer.concat([Buffer.from(`01${'00'.repeat(31)}`, 'hex'), Buffer.alloc(32)]);
  expect(systemKeys.verify(ed25519(hex), 'any text', forged.toString('base64url'))).toBe(false);
});
