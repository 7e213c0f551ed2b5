/**
 * Encodes and decodes the stored records of keys, tokens and rights. The records have these keys: `i <principal>
 * <digest of the pin>`, `t <digest of the token>` and `a <directory>`.
 */
import { digestOfPin, isPin, pinOfDigest } from '../../../core/key-pin.js';
import { isName } from '../../../core/name.js';
import type { AccessTriple, RecordChange } from '../../ports.js';
import { compileTriple } from '../access/access-triple.js';
import type { IdentityChange, KeyRecord, TokenRecord } from './records.js';

export function encodeIdentityChange(change: IdentityChange): RecordChange {
  switch (change.kind) {
    case 'key':
      return {
        key: ['i', change.name, digestOfPin(change.pin)].join(' '),
        value: change.record && JSON.stringify(change.record),
      };
    case 'token':
      return { key: `t ${change.digest}`, value: change.record && JSON.stringify(change.record) };
    case 'access':
      return {
        key: `a ${change.directory}`,
        value: change.triples.length === 0 ? undefined : JSON.stringify({ triples: change.triples }),
      };
  }
}

/**
 * Returns undefined for a record of another kind.
 *
 * @throws {@link TypeError} or {@link ClerkError} when the record is damaged
 */
export function decodeIdentityRecord(key: string, value: string): IdentityChange | undefined {
  const [kind, name = '', id = ''] = key.split(' ');
  switch (kind) {
    case 'i': {
      const pin = pinOfDigest(id);
      check(isName(name) && isPin(pin));
      return { kind: 'key', name, pin, record: parseKey(value) };
    }
    case 't': {
      const { principal, expiresAt, issuedBy } = JSON.parse(value) as TokenRecord;
      check(/^[0-9a-f]{64}$/.test(name) && isName(principal) && Number.isSafeInteger(expiresAt));
      check(isName(issuedBy));
      return { kind: 'token', digest: name, record: { principal, expiresAt, issuedBy } };
    }
    case 'a': {
      const { triples } = JSON.parse(value) as { readonly triples: readonly AccessTriple[] };
      check((name === '/' || isName(name)) && triples.length > 0);
      for (const triple of triples) compileTriple(name, triple);
      return { kind: 'access', directory: name, triples };
    }
    default:
      return undefined;
  }
}

function parseKey(value: string): KeyRecord {
  const { enrolledAt, by, retiresAt, revokedAt } = JSON.parse(value) as KeyRecord;
  check(['init', 'token', 'rotation'].includes(by));
  for (const time of [enrolledAt, retiresAt ?? 0, revokedAt ?? 0]) check(Number.isSafeInteger(time));
  return { enrolledAt, by, retiresAt, revokedAt };
}

function check(isValid: boolean): void {
  if (!isValid) throw new TypeError('a field of the record is invalid');
}
