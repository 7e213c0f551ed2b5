/**
 * How calls are written into a folder. What keeps a call from running twice is a small sealed record, counted in the
 * folder's ledger; its answer lies beside it, and a damaged one is as good as one that was never kept.
 */
import type { FoundCall, KeptAnswer } from '../../core/call-store.js';
import { sealed, sumOf, unsealed } from '../../core/seal.js';

/** What is known of one call, but for its answer. */
export type CallRecord =
  | { readonly state: 'running'; readonly fingerprint: string; readonly owner: string }
  | { readonly state: 'lost'; readonly fingerprint: string }
  | { readonly state: 'done'; readonly fingerprint: string; readonly isKept: boolean };

/** All call records lie from here to there, in the order of their births. */
export const [firstCall, afterCalls] = ['call/', 'call0'] as const;
/** Where the ledger is. */
export const ledgerKey = 'ledger';

/** Begins the keys of calls that were born at that instant or later. */
export function callsFrom(bornAt: number): string {
  return firstCall + String(Math.max(0, bornAt)).padStart(14, '0');
}

/** Key of a call. */
export function callKey(id: string, bornAt: number): string {
  return `${callsFrom(bornAt)}/${id}`;
}

/** Key of the answer to a call, by the call's own. */
export function answerKey(key: string): string {
  return `answer/${key.slice(firstCall.length)}`;
}

/** When a call was born, by its key. */
export function birthOf(key: string): number {
  return Number(key.slice(firstCall.length, firstCall.length + 14));
}

/** A record as it is written. */
export function writtenCall(key: string, record: CallRecord): string {
  return sealed(key, JSON.stringify(record));
}

/** A record as it was written; undefined where it is damaged. */
export function readCall(key: string, text: string): CallRecord | undefined {
  const value = unsealed(key, text);
  return value === undefined ? undefined : (JSON.parse(value) as CallRecord);
}

/** An answer as it is written. */
export function writtenAnswer(key: string, { status, headers, body }: KeptAnswer): string {
  const base64 = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  return sealed(key, JSON.stringify({ status, headers, base64 }));
}

/** An answer as it was written; undefined where it is missing or damaged. */
export function readAnswer(key: string, text: string | undefined): KeptAnswer | undefined {
  const value = text === undefined ? undefined : unsealed(key, text);
  if (value === undefined) return undefined;
  const { status, headers, base64 } = JSON.parse(value) as Omit<KeptAnswer, 'body'> & { base64: string };
  return { status, headers, body: Buffer.from(base64, 'base64') };
}

/** What is said of a call. */
export function foundCall(record: CallRecord, answer: KeptAnswer | undefined): FoundCall {
  return record.state === 'done'
    ? { state: 'done', fingerprint: record.fingerprint, answer: record.isKept ? answer : undefined }
    : record;
}

/** How many records there are, their checksum, and up to when calls were forgotten: what must not get lost unnoticed. */
export interface Ledger {
  readonly calls: number;
  /** Sum of the records' checksums, modulo 2^32. */
  readonly sum: number;
  /** Calls born before this, in ms since 1970, are not begun any more. */
  readonly forgottenTo: number;
}

/** A ledger with one record more. */
export function entered(ledger: Ledger, key: string, text: string): Ledger {
  return { ...ledger, calls: ledger.calls + 1, sum: (ledger.sum + sumOf(key, text)) >>> 0 };
}

/** A ledger with one record less. */
export function struck(ledger: Ledger, key: string, text: string): Ledger {
  return { ...ledger, calls: ledger.calls - 1, sum: (ledger.sum - sumOf(key, text)) >>> 0 };
}
