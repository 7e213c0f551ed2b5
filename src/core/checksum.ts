/**
 * Checksums of stored records. Each value has its own checksum, which covers its key, so that a flipped bit is detected.
 * A tally over all records detects missing ones: LevelDB skips the rest of a damaged log block without an error.
 *
 * @see [C5.7](../../docs/guarantees.md#c5-7), [A24](../../docs/guarantees.md#a24)
 */
import { crc32 } from 'node:zlib';

/** Checksum of one record: CRC-32 of key, a zero byte and value. */
export function recordChecksum(key: string, value: string): number {
  return crc32(value, crc32(`${key}\0`));
}

/** The value as it is stored: its checksum in eight hexadecimal digits, followed by the value. */
export function withChecksum(key: string, value: string): string {
  return hex(recordChecksum(key, value)) + value;
}

/** The value of a stored text; undefined when the checksum does not match. */
export function verifyChecksum(key: string, stored: string): string | undefined {
  const value = stored.slice(8);
  return stored.length >= 8 && stored.slice(0, 8) === hex(recordChecksum(key, value)) ? value : undefined;
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

/** Number of all records and the sum of their checksums modulo 2^32. Updated from changes alone. */
export class ChecksumTally {
  readonly #sums = new Map<string, number>();
  #total = 0;

  /** Adds or replaces a record. */
  put(key: string, value: string): void {
    this.remove(key);
    const sum = recordChecksum(key, value);
    this.#sums.set(key, sum);
    this.#total = (this.#total + sum) >>> 0;
  }

  /** Removes a record, if it exists. */
  remove(key: string): void {
    const sum = this.#sums.get(key);
    if (sum === undefined) return;
    this.#sums.delete(key);
    this.#total = (this.#total - sum) >>> 0;
  }

  /** The stored form. */
  get text(): string {
    return `${String(this.#sums.size)} ${hex(this.#total)}`;
  }
}
