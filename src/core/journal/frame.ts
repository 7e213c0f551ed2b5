/**
 * The unit of all files of a journal: a header of 20 bytes and a payload. The header contains:
 *
 * - the length of the payload (4 bytes)
 * - the checksum of the previous frame (4)
 * - the sequence number of a batch (6)
 * - the kind of the frame (1)
 * - the format version (1)
 * - the checksum of the rest of the frame (4)
 */
import { crc32 } from 'node:zlib';

/**
 * `H`: header of a file. `B`: batch. `C`: part of a checkpoint. `E`: end of a checkpoint. `M`: end mark, which states
 * how much of the journal is on disk.
 */
export type FrameKind = 'H' | 'B' | 'C' | 'E' | 'M';

export interface Frame {
  readonly kind: FrameKind;
  readonly sequence: number;
  /** Checksum of the previous frame. */
  readonly previous: number;
  readonly checksum: number;
  readonly payload: Buffer;
}

export const frameHeaderBytes = 20;
export const journalFormat = 1;

/** The caller writes the payload, then calls `sealFrame`. */
export function allocateFrame(payloadBytes: number): Buffer {
  return Buffer.allocUnsafe(frameHeaderBytes + payloadBytes);
}

export function sealFrame(frame: Buffer, kind: FrameKind, sequence: number, previous: number): number {
  frame.writeUInt32BE(frame.length - frameHeaderBytes, 0);
  frame.writeUInt32BE(previous, 4);
  frame.writeUIntBE(sequence, 8, 6);
  frame.writeUInt8(kind.charCodeAt(0), 14);
  frame.writeUInt8(journalFormat, 15);
  const checksum = checksumOf(frame);
  frame.writeUInt32BE(checksum, 16);
  return checksum;
}

export function jsonFrame(kind: FrameKind, sequence: number, previous: number, value: object): Buffer {
  const text = JSON.stringify(value);
  const frame = allocateFrame(Buffer.byteLength(text));
  frame.write(text, frameHeaderBytes);
  sealFrame(frame, kind, sequence, previous);
  return frame;
}

/** Returns the length of the frame, in bytes. The length may be wrong, because the header may be damaged. */
export function frameBytes(header: Buffer): number {
  return frameHeaderBytes + header.readUInt32BE(0);
}

export function parseFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < frameHeaderBytes || bytes.length !== frameBytes(bytes)) return undefined;
  const checksum = bytes.readUInt32BE(16);
  if (checksum !== checksumOf(bytes)) return undefined;
  return {
    kind: String.fromCharCode(bytes.readUInt8(14)) as FrameKind,
    sequence: bytes.readUIntBE(8, 6),
    previous: bytes.readUInt32BE(4),
    checksum,
    payload: bytes.subarray(frameHeaderBytes),
  };
}

/** Returns the checksum that a frame header states. The frame may be damaged. */
export function claimedChecksum(header: Buffer): number {
  return header.readUInt32BE(16);
}

function checksumOf(frame: Buffer): number {
  return crc32(frame.subarray(frameHeaderBytes), crc32(frame.subarray(0, 16)));
}
