/**
 * Keys and values in the folder of `diskCalls`. The tally has the number of call records and the sum of their
 * checksums, so that missing records are detected. The response of a call has its own key and is not in the tally. A
 * damaged response counts as not stored.
 */
import type { CallLookup, StoredResponse } from '../../../core/idempotency-store.js';
import { withChecksum, recordChecksum, verifyChecksum } from '../../../core/checksum.js';

/** The record of a call, without its response. */
export type StoredCall =
  | { readonly state: 'running'; readonly fingerprint: string; readonly owner: string }
  | { readonly state: 'interrupted'; readonly fingerprint: string }
  | { readonly state: 'done'; readonly fingerprint: string; readonly hasResponse: boolean };

/**
 * Bounds of the keys of call records, which are sorted by creation time. `callsStart` is below every key, `callsEnd` is
 * above every key.
 */
export const [callsStart, callsEnd] = ['call/', 'call0'] as const;
export const tallyKey = 'tally';

/** Returns the lower bound of the keys of calls created at `createdAt` or later. */
export function callsCreatedFrom(createdAt: number): string {
  return callsStart + String(Math.max(0, createdAt)).padStart(14, '0');
}

export function callKey(id: string, createdAt: number): string {
  return `${callsCreatedFrom(createdAt)}/${id}`;
}

/** @param key - key of the call's record */
export function responseKey(key: string): string {
  return `response/${key.slice(callsStart.length)}`;
}

/** @param key - key of the call's record */
export function createdAtOfKey(key: string): number {
  return Number(key.slice(callsStart.length, callsStart.length + 14));
}

export function encodeCall(key: string, record: StoredCall): string {
  return withChecksum(key, JSON.stringify(record));
}

/** Returns the record of a call; undefined when the record is damaged. */
export function decodeCall(key: string, text: string): StoredCall | undefined {
  const value = verifyChecksum(key, text);
  return value === undefined ? undefined : (JSON.parse(value) as StoredCall);
}

export function encodeResponse(key: string, { status, headers, body }: StoredResponse): string {
  const base64 = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  return withChecksum(key, JSON.stringify({ status, headers, base64 }));
}

/** Returns the response of a call; undefined when the response is missing or damaged. */
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

/** Detects missing records, and keeps the time before which calls have expired. */
export interface RecordTally {
  readonly calls: number;
  /** Sum of the checksums of all records, modulo 2^32. */
  readonly sum: number;
  /** Calls created before this time, in ms since 1970, are rejected. */
  readonly expiredBefore: number;
}

export function addToTally(tally: RecordTally, key: string, text: string): RecordTally {
  return { ...tally, calls: tally.calls + 1, sum: (tally.sum + recordChecksum(key, text)) >>> 0 };
}

export function removeFromTally(tally: RecordTally, key: string, text: string): RecordTally {
  return { ...tally, calls: tally.calls - 1, sum: (tally.sum - recordChecksum(key, text)) >>> 0 };
}
