/** Collects the bytes of a body. Once the body has more than `maxBytes` bytes, no bytes are kept. */
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

  /** Returns the bytes of the body; undefined when the body has more than `maxBytes` bytes. */
  toBytes(): Uint8Array | undefined {
    return this.isExceeded ? undefined : Buffer.concat(this.#chunks);
  }
}
