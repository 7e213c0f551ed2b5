import type { CallLookup, CallRecord, IdempotencyStore } from '../../core/idempotency-store.js';
import type { Digest } from './fingerprint.js';

type StoredId = Pick<CallRecord, 'id' | 'createdAt'>;

/** The ids under which the store may have the call of an `Idempotency-Key` without creation time. */
export interface UndatedKey extends StoredId {
  /** The id of the key if its first request arrived in the previous period. */
  readonly earlier: StoredId;
}

/** A quoted string, the form of a key in the IETF draft. Parameters after the string are ignored. */
const quotedKey = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"[ \t]*(?:;.*)?$/;
const bareKey = /^[\x21\x23-\x7e]{1,255}$/;

/** Returns the key in the value of an `Idempotency-Key` header, quoted or not; undefined for an invalid value. */
export function parseIdempotencyKey(value: string): string | undefined {
  const text = value.trim();
  const quoted = quotedKey.exec(text)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(["\\])/g, '$1');
  return bareKey.test(text) ? text : undefined;
}

/**
 * Returns the ids of a key without creation time. Time is divided into periods of `windowMs`. The id contains the end
 * of the period in which the first request arrived, so the record is stored for at least `windowMs`.
 */
export function undatedKey(digest: Digest, key: string, wallNow: number, windowMs: number): UndatedKey {
  const hash = digest(['binding-clerk idempotency key v1', key]).slice(0, 32);
  const start = wallNow - (wallNow % windowMs);
  const idAt = (end: number): StoredId => {
    const createdAt = Math.floor(end) - 1;
    return { id: `${String(createdAt).padStart(13, '0')}-${hash}`, createdAt };
  };
  return { ...idAt(start + windowMs), earlier: idAt(start) };
}

/** Returns the record of a call that has begun; undefined if the store has no record. */
export async function findBegun(store: IdempotencyStore, call: CallRecord): Promise<CallLookup | undefined> {
  let found: CallLookup | undefined;
  if (store.find !== undefined) found = await store.find(call.id);
  else {
    found = await store.begin(call);
    if (found.state === 'new') await store.withdraw(call.id);
  }
  return found?.state === 'new' || found?.state === 'expired' ? undefined : found;
}
