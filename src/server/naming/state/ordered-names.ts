/**
 * Names in order, so that what is below a name stands together right behind it: `/` comes before everything else that a
 * segment can have. Taking in, taking out and finding a place cost the logarithm of their number.
 */
import { compareNames } from '../../../core/name-order.js';

/** Sorts behind everything that is below a name, and before whatever comes next. */
export function endOfSubtree(name: string): string {
  return `${name}/\uffff`;
}

/** Most names in one run; twice as much is split. */
const minSplitLength = 512;

/** A set of names that can be read in order from any place. It may change while it is read. */
export class OrderedNames {
  #runs: string[][] = [];
  #size = 0;
  /** Grows with every change, so that who reads knows when to look for its place anew. */
  #version = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Takes a name in; it must not be there yet. */
  add(name: string): void {
    this.#size++;
    this.#version++;
    const last = this.#runs.at(-1);
    if (last === undefined) {
      this.#runs.push([name]);
      return;
    }
    const at = Math.min(this.#runIndexOf(name), this.#runs.length - 1);
    const run = this.#runs[at] as string[];
    run.splice(indexIn(run, name), 0, name);
    if (run.length <= 2 * minSplitLength) return;
    // Names often come in order; then the run before stays as full as it can be.
    const cut = at === this.#runs.length - 1 && run.at(-1) === name ? 2 * minSplitLength : minSplitLength;
    this.#runs.splice(at, 1, run.slice(0, cut), run.slice(cut));
  }

  /** Takes a name out. */
  delete(name: string): void {
    const at = this.#runIndexOf(name);
    const run = this.#runs[at];
    if (run === undefined) return;
    const place = indexIn(run, name);
    if (run[place] !== name) return;
    this.#size--;
    this.#version++;
    run.splice(place, 1);
    if (run.length === 0) this.#runs.splice(at, 1);
  }

  /** The first name that is at or behind a place, or undefined. */
  firstFrom(start: string): string | undefined {
    const run = this.#runs[this.#runIndexOf(start)];
    return run?.[indexIn(run, start)];
  }

  /** All names from a place on, or behind it, as they are at each step. */
  *from(start: string, exclusive = false): IterableIterator<string> {
    let at = 0;
    let index = 0;
    let version = -1;
    let last = start;
    let isLast = exclusive;
    for (;;) {
      if (version !== this.#version) {
        version = this.#version;
        at = this.#runIndexOf(last);
        index = indexIn(this.#runs[at] ?? [], last);
        if (isLast && this.#runs[at]?.[index] === last) index++;
      }
      if (index >= (this.#runs[at]?.length ?? 0)) {
        at++;
        index = 0;
      }
      const name = this.#runs[at]?.[index++];
      if (name === undefined) return;
      last = name;
      isLast = true;
      yield name;
    }
  }

  /** Takes in many at once, in any order. Only into an empty set. */
  fill(names: Iterable<string>): void {
    const sorted = [...names].sort(compareNames);
    this.#size = sorted.length;
    for (let i = 0; i < sorted.length; i += minSplitLength)
      this.#runs.push(sorted.slice(i, i + minSplitLength));
  }

  /** The first run whose last name is not before the place. */
  #runIndexOf(start: string): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = this.#runs[middle]?.at(-1) as string;
      if (compareNames(last, start) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function indexIn(run: readonly string[], name: string): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareNames(run[middle] as string, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
