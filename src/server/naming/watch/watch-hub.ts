import type { Clock, Timer } from '../../../core/clock.js';
import type { ResolveResponse } from '../../../protocol/lookup-messages.js';
import type { WatchEntry, WatchEvent } from '../../../protocol/watch-messages.js';
import type { OpenWatch, WatchOptions } from '../../ports.js';
import type { Guarantees } from '../guarantees.js';
import type { LookupCache, StatePosition } from '../lookup-cache.js';
import { matchingNames } from '../matching-names.js';
import type { NamingState } from '../state/naming-state.js';
import { ChangeLog } from './change-log.js';
import { ExactNameIndex } from './exact-name-index.js';
import { WatchSession, type WatchContext, type WatchedName } from './watch-session.js';

export interface WatchHubDependencies {
  readonly state: NamingState;
  readonly lookups: LookupCache;
  readonly guarantees: Guarantees;
  readonly position: StatePosition;
  readonly clock: Clock;
  readonly heartbeatMs: number;
}

/**
 * All open watches. After each saved batch, a watch receives one event for each changed name, with the current state
 * of the name. A watch misses no change within one incarnation. A resumed watch first receives the missed changes. If
 * the change log lacks a missed change, the watch receives `resync` and a full snapshot.
 *
 * @see [C1.7](../../../../docs/guarantees.md#c1-7)
 */
export class WatchHub {
  readonly #deps: WatchHubDependencies;
  readonly #watches = new Set<WatchSession>();
  readonly #exactNames: ExactNameIndex<WatchSession>;
  readonly #changeLog: ChangeLog;
  readonly #context: WatchContext;
  #heartbeatTimer: Timer | undefined;

  constructor(deps: WatchHubDependencies) {
    this.#deps = deps;
    this.#exactNames = new ExactNameIndex<WatchSession>(deps.state, (name) => deps.lookups.fingerprint(name));
    this.#changeLog = new ChangeLog(deps.position.revision);
    const { position, state, clock, heartbeatMs } = deps;
    this.#context = {
      position,
      heartbeatMs,
      clock,
      exactNames: this.#exactNames,
      eventOf: (watched) => this.#eventOf(watched),
      matchingNames: (glob) => matchingNames(state, glob),
    };
  }

  get size(): number {
    return this.#watches.size;
  }

  /** @throws {@link ClerkError} `NAME_INVALID` for an invalid glob; `LIMIT_EXCEEDED` for too many globs */
  open(options: WatchOptions): OpenWatch {
    const watch = new WatchSession(options, this.#context);
    watch.open(this.#changesSince(options, watch));
    this.#watches.add(watch);
    this.#updateHeartbeatTimer();
    return {
      edit: (add, remove) => watch.edit(add, remove),
      resync: (reason) => watch.resync(reason),
      close: () => {
        if (!this.#watches.delete(watch)) return;
        watch.close();
        this.#updateHeartbeatTimer();
      },
    };
  }

  resync(reason: string): void {
    for (const watch of [...this.#watches]) watch.resync(reason);
  }

  /**
   * Sends the events of a saved batch.
   *
   * @param changedNames - names whose entry or endpoints changed; for a directory, also `/` followed by the
   *   identifier
   */
  publish(changedNames: ReadonlySet<string>, previousRevision: number): void {
    const { revision } = this.#deps.position;
    this.#changeLog.add(changedNames, revision);
    if (this.#watches.size === 0) return;
    const events = new Map<string, WatchEvent>();
    const eventOf = (watched: WatchedName): WatchEvent => {
      const key = `${watched.isExact ? '=' : '~'}${watched.name}`;
      let event = events.get(key);
      if (event === undefined) events.set(key, (event = this.#eventOf(watched)));
      return event;
    };
    const changedLookups = this.#exactNames.update(changedNames);
    for (const watch of [...this.#watches]) {
      const names: WatchedName[] = [];
      for (const name of changedNames)
        if (!name.startsWith('/#') && watch.matchesGlob(name)) names.push({ name, isExact: false });
      for (const [name, watches] of changedLookups)
        if (watches.has(watch) && watch.isVisible(name)) names.push({ name, isExact: true });
      if (names.length > 0) watch.notify(names, names.map(eventOf), previousRevision, revision);
    }
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
    this.#updateHeartbeatTimer();
  }

  /**
   * Returns the names of a resumed watch that changed after the revision in `since`. Returns undefined if the watch
   * needs a full snapshot.
   */
  #changesSince(
    { since, globs, isVisible }: WatchOptions,
    watch: WatchSession,
  ): Iterable<WatchedName> | undefined {
    const { incarnation, revision } = this.#deps.position;
    // The change log does not show which names became visible or invisible.
    if (isVisible !== undefined) return undefined;
    if (since?.incarnation !== incarnation || !/^[0-9]{1,15}$/.test(since.revision)) return undefined;
    const from = Number(since.revision);
    const names = from > revision ? undefined : this.#changeLog.since(from);
    if (names === undefined) return undefined;
    const exact = [...this.#exactNames.affectedBy(names, globs)].map((name) => ({ name, isExact: true }));
    const missed = function* (): IterableIterator<WatchedName> {
      yield* exact;
      for (const name of names)
        if (!name.startsWith('/#') && watch.matchesGlob(name)) yield { name, isExact: false };
    };
    return { [Symbol.iterator]: missed };
  }

  #eventOf({ name, isExact }: WatchedName): WatchEvent {
    const entry = this.#entryOf(name, isExact);
    if (entry === undefined) return { type: 'delete', name };
    // Rounded down, because a client must not assume a later time.
    return { type: 'put', name, entry, statedAt: Math.floor(this.#deps.clock.now()) };
  }

  /**
   * Returns the entry that a watch sends for a name, or undefined for an unknown name. A link that matches a glob is
   * sent as a link. Any other name is sent as the response to a lookup.
   */
  #entryOf(name: string, isExact: boolean): WatchEntry | undefined {
    const { state, lookups, guarantees, position, clock } = this.#deps;
    const entry = state.entries.get(name);
    if (isExact || entry?.record.kind !== 'link') {
      if (!isExact && entry === undefined) return undefined;
      const json = lookups.json(name);
      return json === undefined ? undefined : (JSON.parse(json) as ResolveResponse);
    }
    guarantees.recordServed(entry, clock.now());
    return {
      kind: 'link',
      name,
      target: entry.record.target,
      guaranteedMs: guarantees.guaranteedMs(entry),
      revision: String(position.revision),
      mark: position.markOf(position.revision),
      incarnation: position.incarnation,
    };
  }

  #updateHeartbeatTimer(): void {
    if (this.#watches.size === 0) {
      this.#heartbeatTimer?.cancel();
      this.#heartbeatTimer = undefined;
      return;
    }
    if (this.#heartbeatTimer !== undefined) return;
    const { clock, heartbeatMs } = this.#deps;
    this.#heartbeatTimer = clock.setTimer(() => {
      const now = clock.now();
      for (const watch of [...this.#watches]) if (now - watch.lastEventAt >= heartbeatMs) watch.heartbeat();
      this.#heartbeatTimer = undefined;
      this.#updateHeartbeatTimer();
    }, heartbeatMs / 5);
    this.#heartbeatTimer.setRef(false);
  }
}
