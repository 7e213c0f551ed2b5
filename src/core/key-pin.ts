import { describeValue } from './describe-value.js';
import { ClerkError } from './errors.js';

/**
 * Identifies a public key: `sha256/`, and the SHA-256 of the key's DER-encoded SubjectPublicKeyInfo in base64url
 * without padding. Each key has one spelling.
 */
export type KeyPin = string;

const prefix = 'sha256/';
// 32 bytes are 43 base64url characters. The last character has 4 bits of the hash and 2 zero bits.
const pattern = /^sha256\/[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** @throws {@link ClerkError} `CONFIG_INVALID` when the text is not a pin */
export function parsePin(text: unknown, what = 'Registry key'): KeyPin {
  if (isPin(text)) return text;
  const isStandardBase64 = typeof text === 'string' && /^sha256\/[A-Za-z0-9+/]{43}=$/.test(text);
  throw new ClerkError(
    'CONFIG_INVALID',
    `${what} must be 'sha256/' and 43 characters of base64url; got ${describePin(text)}; ${
      isStandardBase64
        ? "write '-' for '+', '_' for '/', and no '=' at the end"
        : 'copy a registry key from the output of clerk serve, or the key of a principal from clerk identity ls'
    }`,
  );
}

/**
 * Quotes a text only if it begins with `sha256/`, because any other text may be a secret. @see
 * [C8.4](../../docs/guarantees.md#c8-4)
 */
function describePin(text: unknown): string {
  if (typeof text !== 'string' || text.startsWith(prefix)) return describeValue(text);
  return `a text of ${String(text.length)} characters that does not begin with 'sha256/'`;
}

export function isPin(value: unknown): value is KeyPin {
  return typeof value === 'string' && pattern.test(value);
}

/**
 * Validates one pin, several pins, or a text of pins separated by commas. Several pins are needed while a registry
 * changes its key.
 * @throws {@link ClerkError} `CONFIG_INVALID` when there is no pin, or a pin is invalid
 */
export function parsePins(value: unknown, what = 'Registry key'): readonly KeyPin[] {
  const texts: readonly unknown[] =
    typeof value === 'string'
      ? value.split(',').map((text) => text.trim())
      : Array.isArray(value)
        ? value
        : [value];
  if (texts.length === 0)
    throw new ClerkError('CONFIG_INVALID', `${what} must have at least one pin; got an empty list`);
  return Object.freeze([...new Set(texts.map((text) => parsePin(text, what)))]);
}

export function pinOfDigest(digest: string): KeyPin {
  return `${prefix}${digest}`;
}

export function digestOfPin(pin: KeyPin): string {
  return pin.slice(prefix.length);
}
