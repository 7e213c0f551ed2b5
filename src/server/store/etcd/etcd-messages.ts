/** Messages of the JSON gateway. Keys and values are in base64; 64-bit numbers are strings. */

export interface EtcdHeader {
  readonly revision?: string;
}

export interface EtcdKeyValue {
  readonly key: string;
  readonly value?: string;
  readonly lease?: string;
}

export interface RangeResponse {
  readonly header?: EtcdHeader;
  readonly kvs?: readonly EtcdKeyValue[];
  readonly more?: boolean;
  readonly count?: string;
}

export interface TxnResponse {
  readonly header?: EtcdHeader;
  /** The gateway omits the field when it is false. */
  readonly succeeded?: boolean;
  readonly responses?: readonly { readonly response_range?: RangeResponse }[];
}

export interface RangeOptions {
  /** Exclusive end of the range. Default: the range is a single key. */
  readonly end?: string;
  readonly limit?: number;
  /** Reads the state at this revision. Default: the present state. */
  readonly revision?: string;
  readonly keysOnly?: boolean;
}

export function rangeOf(key: string, { end, limit, revision, keysOnly = false }: RangeOptions = {}): object {
  return {
    key: toBase64(key),
    ...(end !== undefined && { range_end: toBase64(end) }),
    ...(limit !== undefined && { limit: String(limit) }),
    ...(revision !== undefined && { revision }),
    ...(keysOnly && { keys_only: true }),
  };
}

export function putOf(key: string, value: string | Uint8Array, lease?: string): object {
  return { key: toBase64(key), value: toBase64(value), ...(lease !== undefined && { lease }) };
}

export function deleteOf(key: string, end?: string): object {
  return { key: toBase64(key), ...(end !== undefined && { range_end: toBase64(end) }) };
}

/** Returns the condition that a key has a value. False for a missing key. */
export function valueIs(key: string, value: string): object {
  return { key: toBase64(key), target: 'VALUE', result: 'EQUAL', value: toBase64(value) };
}

/** Returns the condition that no key exists in a range. Without `end`, the range is the key. */
export function isAbsent(key: string, end?: string): object {
  return {
    key: toBase64(key),
    ...(end !== undefined && { range_end: toBase64(end) }),
    target: 'CREATE',
    result: 'EQUAL',
    create_revision: '0',
  };
}

/**
 * Returns the first key after all keys that begin with `prefix`. The last character of `prefix` must be below U+007F.
 */
export function prefixEnd(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

export function keyOf({ key }: EtcdKeyValue): string {
  return Buffer.from(key, 'base64').toString('utf8');
}

export function bytesOf({ value = '' }: EtcdKeyValue): Buffer {
  return Buffer.from(value, 'base64');
}

export function textOf(pair: EtcdKeyValue): string {
  return bytesOf(pair).toString('utf8');
}

/** Returns the first key in the response of one request of a transaction. */
export function firstOf(response: TxnResponse, index: number): EtcdKeyValue | undefined {
  return response.responses?.[index]?.response_range?.kvs?.[0];
}

function toBase64(data: string | Uint8Array): string {
  return Buffer.from(data as string).toString('base64');
}
