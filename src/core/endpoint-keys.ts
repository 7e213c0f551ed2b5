import { describeValue } from './describe-value.js';
import { ClerkError } from './errors.js';
import { isPin, type KeyPin } from './key-pin.js';

const noKeys: readonly KeyPin[] = Object.freeze([]);
/** A certificate with a key of an allowed algorithm has less than 1 KiB, so this limit rejects none of them. */
const maxCertLength = 16_384;

/**
 * Returns the keys of which the endpoint must prove one; empty if the endpoint need not prove a key.
 * @throws {@link ClerkError} `CONFIG_INVALID` when a value is not a pin
 */
export function checkKeys(key: unknown, formerKey: unknown, where: string): readonly KeyPin[] {
  if (key === undefined && formerKey === undefined) return noKeys;
  for (const pin of [key, ...(formerKey === undefined ? [] : [formerKey])])
    if (!isPin(pin)) throw keyError(where, "keys of the form 'sha256/' and 43 characters of base64url", pin);
  return Object.freeze([...new Set([key, formerKey ?? key] as KeyPin[])]);
}

/** @throws {@link ClerkError} `CONFIG_INVALID` when the value is not in base64 */
export function checkCert(cert: unknown, where: string): string | undefined {
  if (cert === undefined) return undefined;
  if (typeof cert === 'string' && cert.length <= maxCertLength && /^[A-Za-z0-9+/]+={0,2}$/.test(cert))
    return cert;
  throw keyError(where, 'a certificate as DER in base64', cert);
}

function keyError(where: string, requirement: string, value: unknown): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `Endpoint of ${where} must have ${requirement}; got ${describeValue(value)}`,
  );
}
