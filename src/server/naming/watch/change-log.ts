/** Names kept in the log. */
const maxNames = 16_384;

/**
 * The names that changed last, so that a watch can resume after its connection broke. Bounded to 16,384 names: a
 * watch that resumes from an older revision needs a full snapshot.
 */
export class ChangeLog {
  /** Changes after this revision are complete. */
  #oldestRevision: number;
  #entries: { readonly name: string; readonly revision: number }[] = [];

  constructor(revision: number) {
    this.#oldestRevision = revision;
  }

  /** Adds the changes of a batch. */
  add(names: Iterable<string>, revision: number): void {
    for (const name of names) this.#entries.push({ name, revision });
    if (this.#entries.length <= 2 * maxNames) return;
    const dropped = this.#entries.splice(0, this.#entries.length - maxNames);
    // A batch that is partly dropped is dropped completely.
    this.#oldestRevision = dropped.at(-1)?.revision ?? this.#oldestRevision;
    this.#entries = this.#entries.filter((entry) => entry.revision > this.#oldestRevision);
  }

  /** The names that changed after a revision, by their last change; undefined when the log does not reach back so far. */
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
