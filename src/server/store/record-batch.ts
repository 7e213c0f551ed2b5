import { allocateFrame, frameHeaderBytes } from '../../core/journal/frame.js';
import type { RecordChange } from '../ports.js';

/** Marks a deletion, in place of the length of the value. */
const deleted = 0xffff_ffff;
const lengthsBytes = 8;

/**
 * Encodes changes as the payload of a frame. A change consists of the lengths of key and value, 4 bytes each, and
 * then the key and the value in UTF-8.
 */
export function encodeRecords(changes: readonly RecordChange[]): Buffer {
  let maxBytes = 0;
  // A UTF-16 code unit needs at most three bytes in UTF-8.
  for (const { key, value } of changes) maxBytes += lengthsBytes + 3 * (key.length + (value?.length ?? 0));
  const frame = allocateFrame(maxBytes);
  let at = frameHeaderBytes;
  for (const { key, value } of changes) {
    const keyBytes = frame.write(key, at + lengthsBytes);
    const valueBytes = value === undefined ? 0 : frame.write(value, at + lengthsBytes + keyBytes);
    frame.writeUInt32BE(keyBytes, at);
    frame.writeUInt32BE(value === undefined ? deleted : valueBytes, at + 4);
    at += lengthsBytes + keyBytes + valueBytes;
  }
  return frame.subarray(0, at);
}

export function* decodeRecords(payload: Buffer): IterableIterator<RecordChange> {
  for (let at = 0; at < payload.length;) {
    const keyBytes = payload.readUInt32BE(at);
    const valueBytes = payload.readUInt32BE(at + 4);
    const valueAt = at + lengthsBytes + keyBytes;
    const key = payload.toString('utf8', at + lengthsBytes, valueAt);
    at = valueAt + (valueBytes === deleted ? 0 : valueBytes);
    yield { key, value: valueBytes === deleted ? undefined : payload.toString('utf8', valueAt, at) };
  }
}
