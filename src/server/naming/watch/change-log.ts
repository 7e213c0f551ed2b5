/** Number of changes that remain when the log is cut. The log is cut when it has more than twice as many. */
const maxNames = 16_384;

/**
 * Log of the last changes of names, at most 32,768 changes. A watch whose connection broke resumes from the log. A
 * watch that resumes from a revision before the start of the log needs a full snapshot.
 */
export class ChangeLog {
  /** The log contains every change after this revision. */
  #oldestRevision: number;
  #entries: { readonly name: string; readonly revision: number }[] = [];

  constructor(revision: number) {
    this.#oldestRevision = revision;
  }

  /**
   * Adds the names that a batch of commands changed.
   *
   * @param revision - revision after the batch
   */
  add(names: Iterable<string>, revision: number): void {
    for (const name of names) this.#entries.push({ name, revision });
    if (this.#entries.length <= 2 * maxNames) return;
    const dropped = this.#entries.splice(0, this.#entries.length - maxNames);
    // If the cut is inside a batch, the rest of the batch is dropped too, so that the log contains only whole batches.
    this.#oldestRevision = dropped.at(-1)?.revision ?? this.#oldestRevision;
    this.#entries = this.#entries.filter((entry) => entry.revision > this.#oldestRevision);
  }

  /**
   * Returns the names that changed after a revision, in order of their last change; undefined when the log starts after
   * `revision`.
   */
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
