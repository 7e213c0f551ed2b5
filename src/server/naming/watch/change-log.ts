/** The names that changed last, so that a watch which was cut off can go on. Bounded: who was away longer begins anew. */

/** Changed names that are remembered. */
const maxNames = 16_384;

/** Names in the order of their changes. */
export class ChangeLog {
  /** All changes behind this revision are remembered. */
  #oldestRevision: number;
  #entries: { readonly name: string; readonly revision: number }[] = [];

  constructor(from: number) {
    this.#oldestRevision = from;
  }

  /** Remembers what a batch changed. */
  add(names: Iterable<string>, revision: number): void {
    for (const name of names) this.#entries.push({ name, revision });
    if (this.#entries.length <= 2 * maxNames) return;
    const dropped = this.#entries.splice(0, this.#entries.length - maxNames);
    // A batch is remembered whole or not at all.
    this.#oldestRevision = dropped.at(-1)?.revision ?? this.#oldestRevision;
    this.#entries = this.#entries.filter((entry) => entry.revision > this.#oldestRevision);
  }

  /** The names that changed behind a revision, each once, last change last; undefined when that is not known any more. */
  since(revision: number): ReadonlySet<string> | undefined {
    if (revision < this.#oldestRevision) return undefined;
    const names = new Set<string>();
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const entry = this.#entries[i];
      if (entry === undefined || entry.revision <= revision) break;
      names.add(entry.name);
    }
    return new Set([...names].reverse());
  }
}
