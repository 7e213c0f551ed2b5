import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import type { CheckedCredentials, KeyAlgorithm, KeyTools } from '../core/credentials.js';
import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { isObject } from '../core/is-object.js';
import { pinOfDigest } from '../core/key-pin.js';
import { isName, parseName } from '../core/name.js';
import { isAllowedKey } from '../core/spki.js';
import { selfSignedCertificate } from './self-signed-certificate.js';

export const systemKeys: KeyTools = {
  create(name, algorithm = 'Ed25519') {
    parseName(name, 'Principal');
    const { privateKey } =
      algorithm === 'Ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    return checked(name, key, selfSignedCertificate(privateKey, name), privateKey);
  },

  check(credentials) {
    if (!isObject(credentials))
      throw identityError(
        `An identity must be an object with name, key and cert; got ${describeValue(credentials)}`,
      );
    const { name, key, cert } = credentials;
    if (!isName(name))
      throw identityError(`The name of an identity must be an absolute name; got ${describeValue(name)}`);
    return checked(String(name), key, cert, parsePrivateKey(key, String(name)));
  },

  pinOf: (certificate) => systemKeys.pinOfKey(spkiOf(certificate, 'A certificate')),
  enrollablePinOf(certificate) {
    try {
      const spki = spkiOf(certificate, 'A certificate');
      return isAllowedKey(spki) ? systemKeys.pinOfKey(spki) : undefined;
    } catch {
      return undefined;
    }
  },
  pinOfKey: (spki) => pinOfDigest(createHash('sha256').update(spki).digest('base64url')),

  sign({ name, key }, text) {
    const privateKey = parsePrivateKey(key, name);
    return sign(hashOf(privateKey), Buffer.from(text, 'utf8'), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    }).toString('base64url');
  },

  verify(spki, text, signature) {
    if (!isAllowedKey(spki)) return false;
    try {
      const publicKey = createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' });
      return verify(
        hashOf(publicKey),
        Buffer.from(text, 'utf8'),
        { key: publicKey, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      );
    } catch {
      return false;
    }
  },
};

function checked(name: string, key: unknown, cert: unknown, privateKey: KeyObject): CheckedCredentials {
  const algorithm = algorithmOf(privateKey);
  if (algorithm === undefined)
    throw identityError(
      `The key of ${name} must be an Ed25519 key or an EC key over P-256; got another key, of type ${privateKey.asymmetricKeyType ?? 'unknown'}. Create a key with: openssl genpkey -algorithm ed25519`,
    );
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  if (!spki.equals(spkiOf(cert, `The certificate of ${name}`)))
    throw identityError(
      `The certificate of ${name} must belong to its key; got a certificate of another key. Use the certificate and the key of the same identity`,
    );
  return Object.freeze({
    name,
    key: key as string,
    cert: cert as string,
    pin: systemKeys.pinOfKey(spki),
    algorithm,
    spki,
  });
}

/**
 * The error has no `cause`, because errors of OpenSSL can quote the key. @see [C8.4](../../docs/guarantees.md#c8-4)
 */
function parsePrivateKey(key: unknown, name: string): KeyObject {
  if (typeof key === 'string') {
    try {
      return createPrivateKey(key);
    } catch {
      // The error below describes the problem.
    }
  }
  throw identityError(`The key of ${name} must be a private key in PEM, without a passphrase`);
}

/** Throws also for a well-formed certificate with an invalid public key. */
function spkiOf(cert: unknown, subject: string): Buffer {
  try {
    return new X509Certificate(cert as string).publicKey.export({ type: 'spki', format: 'der' });
  } catch (cause) {
    throw new ClerkError('IDENTITY_INVALID', `${subject} must be an X.509 certificate in PEM or DER`, {
      cause,
    });
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): KeyAlgorithm | undefined {
  if (asymmetricKeyType === 'ed25519') return 'Ed25519';
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  return undefined;
}

function hashOf({ asymmetricKeyType }: KeyObject): 'sha256' | null {
  return asymmetricKeyType === 'ed25519' ? null : 'sha256';
}

function identityError(message: string): ClerkError {
  return new ClerkError('IDENTITY_INVALID', message);
}
