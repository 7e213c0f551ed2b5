/** Collects a body up to a limit. Beyond the limit it keeps only the fact that there was more. */
export class BoundedBuffer {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether more bytes came than are kept. */
  get isExceeded(): boolean {
    return this.#size > this.#maxBytes;
  }

  /** Copies the bytes: their owner may reuse the memory. */
  append(bytes: Uint8Array): void {
    this.#size += bytes.byteLength;
    if (this.isExceeded) this.#chunks = [];
    else this.#chunks.push(Buffer.from(bytes));
  }

  /** All bytes; undefined when the limit was exceeded. */
  toBytes(): Uint8Array | undefined {
    return this.isExceeded ? undefined : Buffer.concat(this.#chunks);
  }
}
