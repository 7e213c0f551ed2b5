/**
 * Where changes become events for those who watch. A batch is told once it is durable, each name once and as it is
 * then. Within one incarnation no watch misses a change; after a gap it begins anew and says so.
 *
 * @see promises C1.7
 */
import type { Clock, Timer } from '../../../core/clock.js';
import type { Glob } from '../../../core/glob.js';
import { limits } from '../../../protocol/limits.js';
import type { ResolveResponse, WatchEntry, WatchEvent } from '../../../protocol/messages.js';
import type { WatchOptions, OpenWatch } from '../../ports.js';
import type { LookupCache, StatePosition } from '../lookup-cache.js';
import { matchingNames } from '../list.js';
import { ExactNameIndex } from './exact-name-index.js';
import type { Guarantees } from '../guarantees.js';
import { ChangeLog } from './change-log.js';
import type { NamingState } from '../state/naming-state.js';
import { WatchSession, type WatchContext, type WatchedName } from './watch-session.js';

/** How often it is looked for watches that were told nothing for a heartbeat, in ms. */
const heartbeatCheckMs = limits.heartbeatMs / 5;

/** What the hub looks at. */
export interface WatchHubDependencies {
  readonly state: NamingState;
  readonly lookups: LookupCache;
  readonly guarantees: Guarantees;
  readonly position: StatePosition;
  readonly clock: Clock;
}

/** All open watches. */
export class WatchHub {
  readonly #deps: WatchHubDependencies;
  readonly #watches = new Set<WatchSession>();
  readonly #exactNames: ExactNameIndex<WatchSession>;
  readonly #changeLog: ChangeLog;
  #heartbeatTimer: Timer | undefined;

  constructor(deps: WatchHubDependencies) {
    this.#deps = deps;
    this.#exactNames = new ExactNameIndex<WatchSession>(deps.state, (name) => deps.lookups.fingerprint(name));
    this.#changeLog = new ChangeLog(deps.position.revision);
  }

  /** Open watches. */
  get size(): number {
    return this.#watches.size;
  }

  /** Opens a watch. @throws ClerkError `NAME_INVALID`, `LIMIT_EXCEEDED` */
  open(options: WatchOptions): OpenWatch {
    const watcher: WatchSession = new WatchSession(
      options,
      this.#contextOf(() => watcher),
    );
    watcher.open(this.#changesSince(options, watcher));
    this.#watches.add(watcher);
    this.#updateHeartbeatTimer();
    return {
      edit: (add, remove) => watcher.edit(add, remove),
      resync: (reason) => watcher.resync(reason),
      close: () => {
        if (!this.#watches.delete(watcher)) return;
        watcher.close();
        this.#updateHeartbeatTimer();
      },
    };
  }

  /**
   * Tells of a batch that is durable.
   *
   * @param changedNames - names whose entries or endpoints changed, and identifiers of directories that did
   * @param previousRevision - the revision before the batch; behind it is the present one
   */
  publish(changedNames: ReadonlySet<string>, previousRevision: number): void {
    const { revision } = this.#deps.position;
    this.#changeLog.add(changedNames, revision);
    if (this.#watches.size === 0) return;
    const events = new Map<string, WatchEvent>();
    const eventOf = (sight: WatchedName): WatchEvent => {
      const key = `${sight.isExact ? '=' : '~'}${sight.name}`;
      let event = events.get(key);
      if (event === undefined) events.set(key, (event = this.#eventOf(sight)));
      return event;
    };
    const plain = this.#exactNames.update(changedNames);
    for (const watcher of [...this.#watches]) {
      const sights: WatchedName[] = [];
      for (const name of changedNames)
        if (!name.startsWith('/#') && watcher.matchesGlob(name)) sights.push({ name, isExact: false });
      for (const [name, watchers] of plain) if (watchers.has(watcher)) sights.push({ name, isExact: true });
      if (sights.length > 0) watcher.notify(sights, sights.map(eventOf), previousRevision, revision);
    }
  }

  /** Ends all watches. */
  close(): void {
    for (const watcher of this.#watches) watcher.close();
    this.#watches.clear();
    this.#updateHeartbeatTimer();
  }

  /** What a watch that goes on has to be told, in the order of names; undefined when it has to begin anew. */
  #changesSince({ since, globs }: WatchOptions, watcher: WatchSession): Iterable<WatchedName> | undefined {
    const { incarnation, revision } = this.#deps.position;
    if (since?.incarnation !== incarnation || !/^[0-9]{1,15}$/.test(since.revision)) return undefined;
    const from = Number(since.revision);
    const names = from > revision ? undefined : this.#changeLog.since(from);
    if (names === undefined) return undefined;
    const follow = [...this.#exactNames.affectedBy(names, globs)].map((name) => ({ name, isExact: true }));
    const fitting = function* (): IterableIterator<WatchedName> {
      yield* follow;
      for (const name of names)
        if (!name.startsWith('/#') && watcher.matchesGlob(name)) yield { name, isExact: false };
    };
    return { [Symbol.iterator]: fitting };
  }

  #contextOf(watcher: () => WatchSession): WatchContext {
    const { position, state, clock } = this.#deps;
    return {
      incarnation: position.incarnation,
      revision: () => position.revision,
      eventOf: (sight) => this.#eventOf(sight),
      matchingNames: (glob: Glob) => matchingNames(state, glob),
      addExactName: (name) => this.#exactNames.add(name, watcher()),
      removeExactName: (name) => this.#exactNames.delete(name, watcher()),
      defer: (callback) => clock.afterPendingIo(callback),
      now: () => clock.now(),
    };
  }

  #eventOf({ name, isExact }: WatchedName): WatchEvent {
    const entry = this.#entryOf(name, isExact);
    return entry === undefined ? { type: 'delete', name } : { type: 'put', name, entry };
  }

  #entryOf(name: string, isPlain: boolean): WatchEntry | undefined {
    const { state, lookups, guarantees, position, clock } = this.#deps;
    const place = state.entries.get(name);
    if (isPlain || place?.record.kind !== 'link') {
      if (!isPlain && place === undefined) return undefined;
      const text = lookups.json(name);
      return text === undefined ? undefined : (JSON.parse(text) as ResolveResponse);
    }
    guarantees.recordServed(place, clock.now());
    return {
      kind: 'link',
      name,
      target: place.record.target,
      guaranteedMs: guarantees.guaranteedMs(place),
      revision: String(position.revision),
      incarnation: position.incarnation,
    };
  }

  /** One timer for the heartbeats of all. */
  #updateHeartbeatTimer(): void {
    if (this.#watches.size === 0) {
      this.#heartbeatTimer?.cancel();
      this.#heartbeatTimer = undefined;
      return;
    }
    this.#heartbeatTimer ??= this.#startHeartbeatTimer();
  }

  #startHeartbeatTimer(): Timer {
    const timer = this.#deps.clock.setTimer(() => {
      const now = this.#deps.clock.now();
      for (const watcher of [...this.#watches])
        if (now - watcher.lastEventAt >= limits.heartbeatMs) watcher.heartbeat();
      this.#heartbeatTimer = undefined;
      this.#updateHeartbeatTimer();
    }, heartbeatCheckMs);
    timer.setRef(false);
    return timer;
  }
}
