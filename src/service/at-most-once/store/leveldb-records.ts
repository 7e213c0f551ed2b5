/**
 * Keys and values in the folder. A call's record is small, has a checksum and is counted in the folder's
 * tally. Its response has a key of its own; a damaged response counts as not stored.
 */
import type { CallLookup, StoredResponse } from '../../../core/idempotency-store.js';
import { withChecksum, recordChecksum, verifyChecksum } from '../../../core/checksum.js';

/** The record of a call, without its response. */
export type StoredCall =
  | { readonly state: 'running'; readonly fingerprint: string; readonly owner: string }
  | { readonly state: 'interrupted'; readonly fingerprint: string }
  | { readonly state: 'done'; readonly fingerprint: string; readonly hasResponse: boolean };

/** Range of the keys of all call records, in the order of their creation. */
export const [callsStart, callsEnd] = ['call/', 'call0'] as const;
/** Key of the tally. */
export const tallyKey = 'tally';

/** First key of calls created at that instant or later. */
export function callsCreatedFrom(createdAt: number): string {
  return callsStart + String(Math.max(0, createdAt)).padStart(14, '0');
}

/** Key of a call. */
export function callKey(id: string, createdAt: number): string {
  return `${callsCreatedFrom(createdAt)}/${id}`;
}

/** Key of a call's response, by the key of the call. */
export function responseKey(key: string): string {
  return `response/${key.slice(callsStart.length)}`;
}

/** Creation time of a call, by its key. */
export function createdAtOfKey(key: string): number {
  return Number(key.slice(callsStart.length, callsStart.length + 14));
}

export function encodeCall(key: string, record: StoredCall): string {
  return withChecksum(key, JSON.stringify(record));
}

/** Decodes a record; undefined when it is damaged. */
export function decodeCall(key: string, text: string): StoredCall | undefined {
  const value = verifyChecksum(key, text);
  return value === undefined ? undefined : (JSON.parse(value) as StoredCall);
}

export function encodeResponse(key: string, { status, headers, body }: StoredResponse): string {
  const base64 = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  return withChecksum(key, JSON.stringify({ status, headers, base64 }));
}

/** Decodes a response; undefined when it is missing or damaged. */
export function decodeResponse(key: string, text: string | undefined): StoredResponse | undefined {
  const value = text === undefined ? undefined : verifyChecksum(key, text);
  if (value === undefined) return undefined;
  const { status, headers, base64 } = JSON.parse(value) as Omit<StoredResponse, 'body'> & { base64: string };
  return { status, headers, body: Buffer.from(base64, 'base64') };
}

export function toCallLookup(record: StoredCall, response: StoredResponse | undefined): CallLookup {
  return record.state === 'done'
    ? { state: 'done', fingerprint: record.fingerprint, response: record.hasResponse ? response : undefined }
    : record;
}

/** Number and checksum of all records, and the expiry instant: detects lost records. */
export interface RecordTally {
  readonly calls: number;
  /** Sum of the records' checksums, modulo 2^32. */
  readonly sum: number;
  /** Calls created before this instant, in ms since 1970, are rejected. */
  readonly expiredBefore: number;
}

/** The tally with one more record. */
export function addToTally(tally: RecordTally, key: string, text: string): RecordTally {
  return { ...tally, calls: tally.calls + 1, sum: (tally.sum + recordChecksum(key, text)) >>> 0 };
}

/** The tally with one record less. */
export function removeFromTally(tally: RecordTally, key: string, text: string): RecordTally {
  return { ...tally, calls: tally.calls - 1, sum: (tally.sum - recordChecksum(key, text)) >>> 0 };
}
