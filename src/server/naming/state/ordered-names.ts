import { compareNames } from '../../../core/name.js';

/** Returns a string that sorts after all names below `name`, and before all names that follow those names. */
export function endOfSubtree(name: string): string {
  return `${name}/\uffff`;
}

/** Usual number of names in a chunk after a split. A chunk is split when it has more than twice this number. */
const chunkLength = 512;

/**
 * A sorted set of names, stored in chunks. `/` sorts before every other character of a segment, so a name is directly
 * followed by all names below that name. Adding, removing and finding a name take O(log n) comparisons.
 */
export class OrderedNames {
  #chunks: string[][] = [];
  #size = 0;
  /**
   * Incremented by every change of the set. An iteration in progress that sees a new version searches its position
   * again.
   */
  #version = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a name. The set must not contain the name. */
  add(name: string): void {
    this.#size++;
    this.#version++;
    const last = this.#chunks.at(-1);
    if (last === undefined) {
      this.#chunks.push([name]);
      return;
    }
    const at = Math.min(this.#chunkIndexOf(name), this.#chunks.length - 1);
    const chunk = this.#chunks[at] as string[];
    chunk.splice(indexIn(chunk, name), 0, name);
    if (chunk.length <= 2 * chunkLength) return;
    // If the new name is the last of all names, only this name is split off. Names often arrive in order, and the
    // chunks then stay full.
    const cut = at === this.#chunks.length - 1 && chunk.at(-1) === name ? 2 * chunkLength : chunkLength;
    this.#chunks.splice(at, 1, chunk.slice(0, cut), chunk.slice(cut));
  }

  delete(name: string): void {
    const at = this.#chunkIndexOf(name);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const index = indexIn(chunk, name);
    if (chunk[index] !== name) return;
    this.#size--;
    this.#version++;
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /**
   * Iterates over the names from `start` on. The set may change during the iteration; each step sees the current set.
   *
   * @param exclusive - whether `start` itself is left out
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

  /** Fills an empty set with names in any order. */
  fill(names: Iterable<string>): void {
    const sorted = [...names].sort(compareNames);
    this.#size = sorted.length;
    for (let i = 0; i < sorted.length; i += chunkLength) this.#chunks.push(sorted.slice(i, i + chunkLength));
  }

  /**
   * Returns the index of the first chunk whose last name is not before `name`, or the number of chunks if there is
   * none.
   */
  #chunkIndexOf(name: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = this.#chunks[middle]?.at(-1) as string;
      if (compareNames(last, name) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function indexIn(chunk: readonly string[], name: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareNames(chunk[middle] as string, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
