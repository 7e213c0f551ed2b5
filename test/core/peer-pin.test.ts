import { expect, test } from 'vitest';
import { pinOfPeer } from '../../src/core/peer-pin.js';
import { systemKeys } from '../../src/runtime/system-keys.js';

test('a certificate that cannot be read proves no key', () => {
  const { cert, pin } = systemKeys.create('/a');
  const raw = Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  expect(pinOfPeer({ raw }, systemKeys)).toBe(pin);
  expect(pinOfPeer({ raw: raw.subarray(0, 40) }, systemKeys)).toBeUndefined();
  expect(pinOfPeer(undefined, systemKeys)).toBeUndefined();
});
