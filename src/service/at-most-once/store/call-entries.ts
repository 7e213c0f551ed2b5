/**
 * The format of the batches of `diskCalls`. A batch is a list of entries. An entry is: the length of its JSON in 4
 * bytes, the length of its response body in 4 bytes, the JSON, and the body.
 */
import type { StoredResponse } from '../../../core/idempotency-store.js';
import { allocateFrame, frameHeaderBytes } from '../../../core/journal/frame.js';

export type CallEntry =
  | { readonly kind: 'begin'; readonly id: string; readonly fingerprint: string; readonly owner: string }
  | { readonly kind: 'interrupted'; readonly id: string; readonly fingerprint: string }
  | {
      readonly kind: 'done';
      readonly id: string;
      readonly fingerprint: string;
      readonly response: StoredResponse | undefined;
    }
  | { readonly kind: 'withdraw'; readonly id: string }
  /** Calls created before `before` (in ms since 1970) have expired. */
  | { readonly kind: 'expire'; readonly before: number }
  /** Records were lost. A call created before `before` (in ms since 1970) may have run without a record. */
  | { readonly kind: 'lost'; readonly before: number };

export type EntryOfCall = Extract<CallEntry, { readonly id: string }>;

const noBody = new Uint8Array();

export function encodeEntries(entries: readonly CallEntry[]): Buffer {
  const parts = entries.map((entry) => {
    const body = entry.kind === 'done' && entry.response !== undefined ? entry.response.body : noBody;
    return { json: Buffer.from(JSON.stringify(withoutBody(entry))), body };
  });
  const frame = allocateFrame(parts.reduce((sum, { json, body }) => sum + 8 + json.length + body.length, 0));
  let at = frameHeaderBytes;
  for (const { json, body } of parts) {
    at = frame.writeUInt32BE(json.length, at);
    at = frame.writeUInt32BE(body.length, at);
    frame.set(json, at);
    frame.set(body, at + json.length);
    at += json.length + body.length;
  }
  return frame;
}

function withoutBody(entry: CallEntry): object {
  if (entry.kind !== 'done' || entry.response === undefined) return entry;
  const { status, headers } = entry.response;
  return { ...entry, response: { status, headers } };
}

export function* decodeEntries(payload: Buffer): IterableIterator<CallEntry> {
  for (let at = 0; at < payload.length;) {
    const bodyAt = at + 8 + payload.readUInt32BE(at);
    const end = bodyAt + payload.readUInt32BE(at + 4);
    const entry = JSON.parse(payload.toString('utf8', at + 8, bodyAt)) as CallEntry;
    at = end;
    yield entry.kind === 'done' && entry.response !== undefined
      ? { ...entry, response: { ...entry.response, body: payload.subarray(bodyAt, end) } }
      : entry.kind === 'done'
        ? { ...entry, response: undefined }
        : entry;
  }
}

/** The first part of an id is the creation time of the call. */
export function createdAtOf(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}
