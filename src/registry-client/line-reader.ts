import { ClerkError } from '../core/errors.js';
import { parseJson } from '../core/parse-json.js';
import { maxRegistryResponseBytes } from './json-response.js';

/** Splits the body of a response into lines, and parses them as JSON. Limits only the size of a line. */
export class LineReader {
  #partial: Buffer = Buffer.alloc(0);

  constructor(readonly subject: string) {}

  /**
   * Returns the lines that `chunk` completes.
   *
   * @throws {@link ClerkError} `REGISTRY_INVALID` when a line is not JSON or is longer than 4 MiB
   */
  append(chunk: Buffer): unknown[] {
    const end = chunk.lastIndexOf(10) + 1;
    const complete = Buffer.concat([this.#partial, chunk.subarray(0, end)]);
    const rest = chunk.subarray(end);
    this.#partial = Buffer.from(end === 0 ? Buffer.concat([complete, rest]) : rest);
    if (this.#partial.length > maxRegistryResponseBytes)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${this.subject} received a line of more than ${String(maxRegistryResponseBytes)} bytes; check that the URL belongs to a registry`,
      );
    return end === 0 ? [] : this.#parse(complete);
  }

  end(): unknown[] {
    return this.#parse(this.#partial);
  }

  #parse(bytes: Buffer): unknown[] {
    const lines = bytes
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
    try {
      return lines.map(parseJson);
    } catch (error) {
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${this.subject} received a line that is not JSON; check that the URL belongs to a registry`,
        { cause: error },
      );
    }
  }
}
