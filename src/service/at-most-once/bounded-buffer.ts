/** A body that is kept while it passes, up to a bound; beyond it, only that there was more. */

/** See the file's header. */
export class BoundedBuffer {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  /** @param maxBytes - ≥ 0 */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether more passed than is kept. */
  get isExceeded(): boolean {
    return this.#size > this.#maxBytes;
  }

  /** Keeps a copy: whoever wrote the bytes may use their place again. */
  append(bytes: Uint8Array): void {
    this.#size += bytes.byteLength;
    if (this.isExceeded) this.#chunks = [];
    else this.#chunks.push(Buffer.from(bytes));
  }

  /** All that passed; undefined where that was too much. */
  toBytes(): Uint8Array | undefined {
    return this.isExceeded ? undefined : Buffer.concat(this.#chunks);
  }
}
