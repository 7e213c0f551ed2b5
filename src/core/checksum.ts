/**
 * Checksums of stored records. The checksum of a record detects a flipped bit. LevelDB skips the rest of a damaged log
 * block without an error; the tally of all checksums detects the missing records. @see
 * [C5.7](../../docs/guarantees.md#c5-7), [A24](../../docs/guarantees.md#a24)
 */
import { crc32 } from 'node:zlib';

/** Returns the CRC-32 of a text that consists of the key, a zero byte and the value. */
export function recordChecksum(key: string, value: string): number {
  return crc32(value, crc32(`${key}\0`));
}

/** Returns the text to store for a value: eight hexadecimal digits of the checksum, then the value. */
export function withChecksum(key: string, value: string): string {
  return hex(recordChecksum(key, value)) + value;
}

/** Returns the value in a stored text; undefined when the checksum in the text does not match. */
export function verifyChecksum(key: string, stored: string): string | undefined {
  const value = stored.slice(8);
  return stored.length >= 8 && stored.slice(0, 8) === hex(recordChecksum(key, value)) ? value : undefined;
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

/** The number of records, and the sum of their checksums modulo 2^32. */
export class ChecksumTally {
  readonly #sums = new Map<string, number>();
  #total = 0;

  put(key: string, value: string): void {
    this.remove(key);
    const sum = recordChecksum(key, value);
    this.#sums.set(key, sum);
    this.#total = (this.#total + sum) >>> 0;
  }

  remove(key: string): void {
    const sum = this.#sums.get(key);
    if (sum === undefined) return;
    this.#sums.delete(key);
    this.#total = (this.#total - sum) >>> 0;
  }

  /** The tally as stored: the number of records in decimal, a space, and the sum in hexadecimal. */
  get text(): string {
    return `${String(this.#sums.size)} ${hex(this.#total)}`;
  }
}
