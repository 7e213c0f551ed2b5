/** A body that is kept while it passes, up to a bound; beyond it, only that there was more. */

/** See the file's header. */
export class Tape {
  readonly #mostBytes: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  /** @param mostBytes - ≥ 0 */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Whether more passed than is kept. */
  get isOver(): boolean {
    return this.#size > this.#mostBytes;
  }

  /** Keeps a copy: whoever wrote the bytes may use their place again. */
  add(bytes: Uint8Array): void {
    this.#size += bytes.byteLength;
    if (this.isOver) this.#chunks = [];
    else this.#chunks.push(Buffer.from(bytes));
  }

  /** All that passed; undefined where that was too much. */
  whole(): Uint8Array | undefined {
    return this.isOver ? undefined : Buffer.concat(this.#chunks);
  }
}
