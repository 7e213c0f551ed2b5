/** Collects the bytes of a body. Keeps no bytes of a body above `maxBytes`. */
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

  /** Returns the bytes of the body, or undefined for a body above `maxBytes`. */
  toBytes(): Uint8Array | undefined {
    return this.isExceeded ? undefined : Buffer.concat(this.#chunks);
  }
}
