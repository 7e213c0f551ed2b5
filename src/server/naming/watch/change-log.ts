/**
 * Number of changes that stay in the log when old changes are dropped. Changes are dropped when the log has more than
 * twice this number.
 */
export const maxLoggedChanges = 16_384;

/**
 * Log of the latest changes of names. A watch that reconnects gets the changes that it missed from this log, without
 * a full snapshot.
 */
export class ChangeLog {
  /** The log contains every change after this revision. */
  #oldestRevision: number;
  #entries: { readonly name: string; readonly revision: number }[] = [];

  constructor(revision: number) {
    this.#oldestRevision = revision;
  }

  add(names: Iterable<string>, revision: number): void {
    for (const name of names) this.#entries.push({ name, revision });
    if (this.#entries.length <= 2 * maxLoggedChanges) return;
    const dropped = this.#entries.splice(0, this.#entries.length - maxLoggedChanges);
    // Also drops the remaining names of the last dropped batch, because a batch must be complete.
    this.#oldestRevision = dropped.at(-1)?.revision ?? this.#oldestRevision;
    this.#entries = this.#entries.filter((entry) => entry.revision > this.#oldestRevision);
  }

  /**
   * Returns the names that changed after `revision`, in order of last change. Returns undefined if the log has
   * dropped changes after `revision`.
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
