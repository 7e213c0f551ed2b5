import { createPublicKey, randomBytes, sign, type KeyObject } from 'node:crypto';
import {
  derBitString,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
  derTime,
  derUtf8String,
} from './der.js';
import { certificatePem } from '../core/certificate-pem.js';

const oids = Object.freeze({
  ed25519: '1.3.101.112',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectAlternativeName: '2.5.29.17',
});

/** The certificate never expires (RFC 5280, 4.1.2.5). */
const validity = derSequence(derTime('20200101000000Z'), derTime('99991231235959Z'));

/**
 * Creates a self-signed certificate of a key, in PEM, because TLS sends a key only within a certificate. Peers check
 * only the public key.
 *
 * @param privateKey - an Ed25519 key, or an ECDSA key over P-256
 * @param name - the principal; written as `clerk://NAME` into the subject alternative name
 * @see [Decision 085](../../docs/decisions/085-own-certificate-writer.md)
 */
export function selfSignedCertificate(privateKey: KeyObject, name: string): string {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const isEd25519 = privateKey.asymmetricKeyType === 'ed25519';
  const algorithm = derSequence(derObjectIdentifier(isEd25519 ? oids.ed25519 : oids.ecdsaWithSha256));
  const subject = derSequence(
    derSet(derSequence(derObjectIdentifier(oids.commonName), derUtf8String('binding-clerk'))),
  );
  const uri = derElement(0x86, Buffer.from(`clerk://${name.replace('#', '%23')}`, 'latin1'));
  const extensions = derSequence(
    derSequence(derObjectIdentifier(oids.subjectAlternativeName), derOctetString(derSequence(uri))),
  );
  const body = derSequence(
    derElement(0xa0, derInteger(Buffer.from([2]))),
    derInteger(serialNumber()),
    algorithm,
    subject,
    validity,
    subject,
    spki,
    derElement(0xa3, extensions),
  );
  const signature = sign(isEd25519 ? null : 'sha256', body, privateKey);
  return certificatePem(derSequence(body, algorithm, derBitString(signature)).toString('base64'));
}

/** The first two bits are 01, so the number is positive and has a fixed length. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes;
}
