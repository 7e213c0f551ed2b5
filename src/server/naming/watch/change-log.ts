/** Number of changes to which the log is cut when the log has more than twice as many. */
const maxNames = 16_384;

/**
 * Log of the last changes of names, at most 32,768 changes. A watch whose connection broke resumes from the log. A
 * watch that resumes from a revision before the start of the log needs a full snapshot.
 */
export class ChangeLog {
  /** Revision after which the log is complete. */
  #oldestRevision: number;
  #entries: { readonly name: string; readonly revision: number }[] = [];

  constructor(revision: number) {
    this.#oldestRevision = revision;
  }

  /** Adds the names that a batch changed. */
  add(names: Iterable<string>, revision: number): void {
    for (const name of names) this.#entries.push({ name, revision });
    if (this.#entries.length <= 2 * maxNames) return;
    const dropped = this.#entries.splice(0, this.#entries.length - maxNames);
    // The rest of a batch that was partly dropped is dropped too.
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
