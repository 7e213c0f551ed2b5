/** Certificates that the library never writes: of other keys, with foreign names, expired, or very large. */
import { sign, type KeyObject } from 'node:crypto';
import {
  derBitString,
  derInteger,
  derObjectIdentifier,
  derSequence,
  derSet,
  derTime,
  derUtf8String,
} from '../../src/runtime/der.js';

const oids: Readonly<Record<string, string>> = {
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
  ec: '1.2.840.10045.4.3.2',
  rsa: '1.2.840.113549.1.1.11',
};

export interface RogueCertificate {
  readonly commonName?: string;
  readonly notAfter?: string;
  /** Public key in the certificate, in DER. Default: that of the public key. */
  readonly spki?: Uint8Array;
}

export function certificateOf(
  publicKey: KeyObject,
  signer: KeyObject,
  { commonName = 'rogue', notAfter = '99991231235959Z', spki }: RogueCertificate = {},
): string {
  const type = signer.asymmetricKeyType ?? '';
  const algorithm = derSequence(derObjectIdentifier(oids[type] ?? ''));
  const name = derSequence(derSet(derSequence(derObjectIdentifier('2.5.4.3'), derUtf8String(commonName))));
  const body = derSequence(
    derInteger(Buffer.from([1])),
    algorithm,
    name,
    derSequence(derTime('20200101000000Z'), derTime(notAfter)),
    name,
    Buffer.from(spki ?? publicKey.export({ type: 'spki', format: 'der' })),
  );
  const signature = sign(type.startsWith('ed') ? null : 'sha256', body, signer);
  const der = derSequence(body, algorithm, derBitString(signature)).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${(der.match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`;
}
