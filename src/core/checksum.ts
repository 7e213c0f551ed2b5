/**
 * Checksums of records. One goes with each value and covers its key, so that a flipped bit is never served; one covers
 * all records together, so that none can get lost unnoticed: LevelDB drops the rest of a damaged piece of its log and
 * goes on behind it.
 *
 * @see promises C5.7, A24
 */
import { crc32 } from 'node:zlib';

/** A checksum of one record: CRC-32 of key, a zero byte and value. */
export function recordChecksum(key: string, value: string): number {
  return crc32(value, crc32(`${key}\0`));
}

/** The value as it is stored: its checksum in eight hexadecimal digits, then itself. */
export function withChecksum(key: string, value: string): string {
  return hex(recordChecksum(key, value)) + value;
}

/** The value that was stored, or undefined where it is not what was stored under this key. */
export function verifyChecksum(key: string, stored: string): string | undefined {
  const value = stored.slice(8);
  return stored.length >= 8 && stored.slice(0, 8) === hex(recordChecksum(key, value)) ? value : undefined;
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

/** Number and checksum of all records: the sum of theirs, modulo 2^32. Kept up to date from the changes alone. */
export class ChecksumTally {
  readonly #sums = new Map<string, number>();
  #total = 0;

  /** A record came or changed. */
  put(key: string, value: string): void {
    this.remove(key);
    const sum = recordChecksum(key, value);
    this.#sums.set(key, sum);
    this.#total = (this.#total + sum) >>> 0;
  }

  /** A record went, if it was there. */
  remove(key: string): void {
    const sum = this.#sums.get(key);
    if (sum === undefined) return;
    this.#sums.delete(key);
    this.#total = (this.#total - sum) >>> 0;
  }

  /** As it is stored beside the records. */
  get text(): string {
    return `${String(this.#sums.size)} ${hex(this.#total)}`;
  }
}
