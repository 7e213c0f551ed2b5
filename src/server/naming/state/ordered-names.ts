import { compareNames } from '../../../core/name.js';

/** Returns a string that sorts directly after `name` and all names below `name`. */
export function endOfSubtree(name: string): string {
  return `${name}/\uffff`;
}

/** Number of names in a chunk after a split. A chunk with more than twice this number is split. */
const chunkLength = 512;

/**
 * A sorted set of names in chunks. In this order, `/` comes before all other characters, so a name is directly
 * followed by all names below it.
 */
export class OrderedNames {
  #chunks: string[][] = [];
  /** Incremented by each change, so that a running iteration notices the change and finds its position again. */
  #version = 0;

  /** Incremented by each change. */
  get version(): number {
    return this.#version;
  }

  /** Adds a name that the set must not contain yet. */
  add(name: string): void {
    this.#version++;
    const last = this.#chunks.at(-1);
    if (last === undefined) {
      this.#chunks.push([name]);
      return;
    }
    // Names are often added in order, so the last chunk is checked first.
    const isLast = compareNames(last.at(-1) as string, name) < 0;
    const at = isLast ? this.#chunks.length - 1 : this.#chunkIndexOf(name);
    const chunk = this.#chunks[at] as string[];
    if (isLast) chunk.push(name);
    else chunk.splice(indexIn(chunk, name), 0, name);
    if (chunk.length <= 2 * chunkLength) return;
    // If names are added in order, only the new name is split off, so that the other chunks stay full.
    const cut = at === this.#chunks.length - 1 && chunk.at(-1) === name ? 2 * chunkLength : chunkLength;
    this.#chunks.splice(at, 1, chunk.slice(0, cut), chunk.slice(cut));
  }

  delete(name: string): void {
    const at = this.#chunkIndexOf(name);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const index = indexIn(chunk, name);
    if (chunk[index] !== name) return;
    this.#version++;
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /**
   * Yields `start` and all later names in order; `exclusive` omits `start`. The set may change during the iteration.
   */
  *from(start: string, exclusive = false): IterableIterator<string> {
    let at = 0;
    let index = 0;
    let version = -1;
    let last = start;
    let skipLast = exclusive;
    for (;;) {
      if (version !== this.#version) {
        version = this.#version;
        at = this.#chunkIndexOf(last);
        index = indexIn(this.#chunks[at] ?? [], last);
        if (skipLast && this.#chunks[at]?.[index] === last) index++;
      }
      if (index >= (this.#chunks[at]?.length ?? 0)) {
        at++;
        index = 0;
      }
      const name = this.#chunks[at]?.[index++];
      if (name === undefined) return;
      last = name;
      skipLast = true;
      yield name;
    }
  }

  fill(names: Iterable<string>): void {
    const sorted = [...names].sort(compareNames);
    for (let i = 0; i < sorted.length; i += chunkLength) this.#chunks.push(sorted.slice(i, i + chunkLength));
  }

  /** Returns the first chunk whose last name is not before `name`, or the number of chunks. */
  #chunkIndexOf(name: string): number {
    return lowerBound(this.#chunks.length, (at) => this.#chunks[at]?.at(-1) as string, name);
  }
}

function indexIn(chunk: readonly string[], name: string): number {
  return lowerBound(chunk.length, (at) => chunk[at] as string, name);
}

/** Returns the first index whose name is not before `name`, or `length`. */
function lowerBound(length: number, nameAt: (index: number) => string, name: string): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareNames(nameAt(middle), name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
