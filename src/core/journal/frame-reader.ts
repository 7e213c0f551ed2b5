import type { DataFile } from '../data-folder.js';
import { claimedChecksum, frameBytes, frameHeaderBytes, parseFrame, type Frame } from './frame.js';

const chunkBytes = 1024 * 1024;

export interface LocatedFrame extends Frame {
  readonly offset: number;
}

export class FrameReader {
  readonly #file: DataFile;
  readonly #sizeBytes: number;
  #offset = 0;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkOffset = 0;

  private constructor(file: DataFile, sizeBytes: number) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  static async open(file: DataFile): Promise<FrameReader> {
    return new FrameReader(file, await file.sizeBytes());
  }

  get offset(): number {
    return this.#offset;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Resolves to the next frame; undefined at the end of the file, or if the next frame is damaged or incomplete. */
  async next(): Promise<LocatedFrame | undefined> {
    const bytes = await this.#nextBytes();
    const frame = bytes && parseFrame(bytes);
    if (bytes === undefined || frame === undefined) return undefined;
    const offset = this.#offset;
    this.#offset += bytes.length;
    return { ...frame, offset };
  }

  /**
   * Skips a damaged frame, if the next frame is complete and states the checksum of the damaged frame. Resolves to
   * false if no frame was skipped.
   */
  async skipDamaged(): Promise<boolean> {
    const bytes = await this.#nextBytes();
    if (bytes === undefined) return false;
    const [start, checksum] = [this.#offset, claimedChecksum(bytes)];
    this.#offset += bytes.length;
    const following = await this.#nextBytes();
    const frame = following && parseFrame(following);
    if (frame?.previous === checksum) return true;
    this.#offset = start;
    return false;
  }

  async #nextBytes(): Promise<Buffer | undefined> {
    const header = await this.#bytes(frameHeaderBytes);
    return header && this.#bytes(frameBytes(header));
  }

  async #bytes(length: number): Promise<Buffer | undefined> {
    if (this.#offset + length > this.#sizeBytes) return undefined;
    let start = this.#offset - this.#chunkOffset;
    if (start < 0 || start + length > this.#chunk.length) {
      this.#chunk = await this.#file.read(this.#offset, Math.max(length, chunkBytes));
      this.#chunkOffset = this.#offset;
      start = 0;
      if (this.#chunk.length < length) return undefined;
    }
    return this.#chunk.subarray(start, start + length);
  }
}
