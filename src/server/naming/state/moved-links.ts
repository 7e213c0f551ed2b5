import { OrderedNames } from './ordered-names.js';

/** The links that moves have left, by their targets. */
export class MovedLinks {
  readonly #targets = new OrderedNames();
  readonly #names = new Map<string, Set<string>>();

  add(name: string, target: string): void {
    const names = this.#names.get(target);
    if (names !== undefined) names.add(name);
    else {
      this.#names.set(target, new Set([name]));
      this.#targets.add(target);
    }
  }

  delete(name: string, target: string): void {
    const names = this.#names.get(target);
    if (names?.delete(name) !== true || names.size > 0) return;
    this.#names.delete(target);
    this.#targets.delete(target);
  }

  /** The links to a name. */
  exactlyTo(name: string): Iterable<string> {
    return this.#names.get(name) ?? [];
  }

  /** Yields the links to a name, and to the names below it. */
  *to(name: string): IterableIterator<string> {
    for (const target of this.#targets.from(name)) {
      if (target !== name && !target.startsWith(`${name}/`)) return;
      yield* this.#names.get(target) ?? [];
    }
  }
}
