/** Collects the bytes of a body. Drops all bytes when the body exceeds `maxBytes`. */
export class BoundedBuffer {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isExceeded(): boolean {
    return this.#size > this.#maxBytes;
  }

  /** Copies the bytes, because the caller may reuse the memory. */
  append(bytes: Uint8Array): void {
    this.#size += bytes.byteLength;
    if (this.isExceeded) this.#chunks = [];
    else this.#chunks.push(Buffer.from(bytes));
  }

  toBytes(): Uint8Array | undefined {
    return this.isExceeded ? undefined : Buffer.concat(this.#chunks);
  }
}
