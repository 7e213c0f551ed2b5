/**
 * How calls are written into a folder. What keeps a call from running twice is a small sealed record, counted in the
 * folder's ledger; its answer lies beside it, and a damaged one is as good as one that was never kept.
 */
import type { CallLookup, StoredResponse } from '../../../core/idempotency-store.js';
import { withChecksum, recordChecksum, verifyChecksum } from '../../../core/checksum.js';

/** What is known of one call, but for its answer. */
export type StoredCall =
  | { readonly state: 'running'; readonly fingerprint: string; readonly owner: string }
  | { readonly state: 'interrupted'; readonly fingerprint: string }
  | { readonly state: 'done'; readonly fingerprint: string; readonly hasResponse: boolean };

/** All call records lie from here to there, in the order of their births. */
export const [callsStart, callsEnd] = ['call/', 'call0'] as const;
/** Where the ledger is. */
export const tallyKey = 'ledger';

/** Begins the keys of calls that were born at that instant or later. */
export function callsCreatedFrom(createdAt: number): string {
  return callsStart + String(Math.max(0, createdAt)).padStart(14, '0');
}

/** Key of a call. */
export function callKey(id: string, createdAt: number): string {
  return `${callsCreatedFrom(createdAt)}/${id}`;
}

/** Key of the answer to a call, by the call's own. */
export function responseKey(key: string): string {
  return `answer/${key.slice(callsStart.length)}`;
}

/** When a call was born, by its key. */
export function createdAtOfKey(key: string): number {
  return Number(key.slice(callsStart.length, callsStart.length + 14));
}

/** A record as it is written. */
export function encodeCall(key: string, record: StoredCall): string {
  return withChecksum(key, JSON.stringify(record));
}

/** A record as it was written; undefined where it is damaged. */
export function decodeCall(key: string, text: string): StoredCall | undefined {
  const value = verifyChecksum(key, text);
  return value === undefined ? undefined : (JSON.parse(value) as StoredCall);
}

/** An answer as it is written. */
export function encodeResponse(key: string, { status, headers, body }: StoredResponse): string {
  const base64 = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  return withChecksum(key, JSON.stringify({ status, headers, base64 }));
}

/** An answer as it was written; undefined where it is missing or damaged. */
export function decodeResponse(key: string, text: string | undefined): StoredResponse | undefined {
  const value = text === undefined ? undefined : verifyChecksum(key, text);
  if (value === undefined) return undefined;
  const { status, headers, base64 } = JSON.parse(value) as Omit<StoredResponse, 'body'> & { base64: string };
  return { status, headers, body: Buffer.from(base64, 'base64') };
}

/** What is said of a call. */
export function toCallLookup(record: StoredCall, answer: StoredResponse | undefined): CallLookup {
  return record.state === 'done'
    ? { state: 'done', fingerprint: record.fingerprint, response: record.hasResponse ? answer : undefined }
    : record;
}

/** How many records there are, their checksum, and up to when calls were forgotten: what must not get lost unnoticed. */
export interface RecordTally {
  readonly calls: number;
  /** Sum of the records' checksums, modulo 2^32. */
  readonly sum: number;
  /** Calls born before this, in ms since 1970, are not begun any more. */
  readonly expiredBefore: number;
}

/** A ledger with one record more. */
export function addToTally(tally: RecordTally, key: string, text: string): RecordTally {
  return { ...tally, calls: tally.calls + 1, sum: (tally.sum + recordChecksum(key, text)) >>> 0 };
}

/** A ledger with one record less. */
export function removeFromTally(tally: RecordTally, key: string, text: string): RecordTally {
  return { ...tally, calls: tally.calls - 1, sum: (tally.sum - recordChecksum(key, text)) >>> 0 };
}
