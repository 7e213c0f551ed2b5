/** How a watch resumes after a reconnect: with the changes that it missed, or with a full snapshot. */
import type { WatchOptions } from '../../ports.js';
import type { StatePosition } from '../lookup-cache.js';
import type { ChangeLog } from './change-log.js';
import type { ExactNameIndex } from './exact-name-index.js';
import type { GlobIndex } from './glob-index.js';
import { exactNameCost, matchCost, type WatchedName, type WatchSession } from './watch-session.js';

export interface WatchResumptionOptions {
  readonly position: StatePosition;
  readonly changeLog: ChangeLog;
  readonly exactNames: ExactNameIndex<WatchSession>;
  readonly globs: GlobIndex<WatchSession>;
}

/** @see [C1.7](../../../../docs/guarantees.md#c1-7) */
export class WatchResumption {
  readonly #options: WatchResumptionOptions;

  constructor(options: WatchResumptionOptions) {
    this.#options = options;
  }

  /**
   * Returns the watched names that have changed after the revision in `since`, and the cost of finding these names.
   * Returns undefined if the watch needs a full snapshot: the client has no right to see some names, or the revision is
   * of another incarnation, later than the present revision, or older than the change log.
   */
  missedChanges(
    { since, globs, isVisible }: WatchOptions,
    watch: WatchSession,
  ): Iterator<WatchedName | number> | undefined {
    const { position, changeLog } = this.#options;
    // The change log does not show which names became visible or invisible, so a full snapshot is needed.
    if (isVisible !== undefined) return undefined;
    if (since?.incarnation !== position.incarnation || !/^[0-9]{1,15}$/.test(since.revision))
      return undefined;
    const from = Number(since.revision);
    const names = from > position.revision ? undefined : changeLog.since(from);
    return names && this.#find(names, globs, watch);
  }

  *#find(
    names: ReadonlySet<string>,
    globs: readonly string[],
    watch: WatchSession,
  ): IterableIterator<WatchedName | number> {
    for (const name of this.#options.exactNames.affectedBy(names, globs)) {
      yield exactNameCost;
      if (name !== undefined) yield { name, isExact: true };
    }
    for (const name of names) {
      if (name.startsWith('/#')) continue;
      yield matchCost(this.#options.globs.candidates(name));
      if (watch.matchesGlob(name)) yield { name, isExact: false };
    }
  }
}
