import type { Clock, Timer } from '../../../core/clock.js';
import type { SliceQueue } from '../../../core/slice-queue.js';
import { putEvent } from '../../../protocol/put-event.js';
import type { WatchEntry, WatchEvent } from '../../../protocol/watch-messages.js';
import type { OpenWatch, WatchOptions } from '../../ports.js';
import type { Guarantees } from '../guarantees.js';
import type { LookupCache, StatePosition } from '../lookup-cache.js';
import type { NamingState } from '../state/naming-state.js';
import { ChangeLog } from './change-log.js';
import { ExactNameIndex } from './exact-name-index.js';
import { GlobIndex } from './glob-index.js';
import { scanGlobs } from './glob-scan.js';
import { WatchResumption } from './watch-resumption.js';
import {
  costOf,
  exactNameCost,
  matchCost,
  WatchSession,
  type WatchContext,
  type WatchedName,
} from './watch-session.js';

const defaultMaxUndividedCost = 2_000;
/** Number of recent events that are shared by all watches of the same name. */
const maxSharedEvents = 64;

export interface WatchHubDependencies {
  readonly state: NamingState;
  readonly lookups: LookupCache;
  readonly guarantees: Guarantees;
  readonly position: StatePosition;
  readonly clock: Clock;
  readonly slices: SliceQueue;
  readonly heartbeatMs: number;
  /**
   * Maximum cost of publishing a batch at once; a more expensive batch is published in slices. Default 2,000, about 2
   * ms.
   */
  readonly maxUndividedCost: number | undefined;
  /** Undefined in a registry with one server. */
  readonly servers?: { readonly statement: string | undefined } | undefined;
}

interface AffectedWatches {
  readonly watched: WatchedName;
  readonly watches: readonly WatchSession[];
}

/**
 * All open watches. After each saved batch, a watch receives one event for each changed name, with the current state
 * of the name. A watch misses no change within one incarnation. A resumed watch first receives the changes since its
 * last event. If the change log no longer has all of them, the watch receives `resync` and a full snapshot.
 *
 * @see [C1.7](../../../../docs/guarantees.md#c1-7)
 */
export class WatchHub {
  readonly #deps: WatchHubDependencies;
  readonly #watches = new Set<WatchSession>();
  readonly #exactNames: ExactNameIndex<WatchSession>;
  readonly #globs = new GlobIndex<WatchSession>();
  /** The last events, by name and kind of watch. */
  readonly #sharedEvents = new Map<string, { readonly entryJson: string; readonly event: WatchEvent }>();
  readonly #changeLog: ChangeLog;
  readonly #resumption: WatchResumption;
  readonly #context: WatchContext;
  readonly #maxUndividedCost: number;
  readonly #publications = new Set<Promise<void>>();
  #heartbeatTimer: Timer | undefined;

  constructor(deps: WatchHubDependencies) {
    this.#deps = deps;
    this.#maxUndividedCost = deps.maxUndividedCost ?? defaultMaxUndividedCost;
    this.#exactNames = new ExactNameIndex<WatchSession>(deps.state, (name) => deps.lookups.fingerprint(name));
    this.#changeLog = new ChangeLog(deps.position.revision);
    const { position, state, clock, slices, heartbeatMs, servers } = deps;
    this.#resumption = new WatchResumption({
      position,
      changeLog: this.#changeLog,
      exactNames: this.#exactNames,
      globs: this.#globs,
    });
    this.#context = {
      position,
      heartbeatMs,
      clock,
      slices,
      servers,
      exactNames: this.#exactNames,
      globs: this.#globs,
      eventOf: (watched) => this.#eventOf(watched),
      scanNames: (globs) => scanGlobs(state.names, globs),
    };
  }

  get size(): number {
    return this.#watches.size;
  }

  /** @throws {@link ClerkError} `NAME_INVALID` for an invalid glob; `LIMIT_EXCEEDED` for too many globs */
  open(options: WatchOptions): OpenWatch {
    const watch = new WatchSession(options, this.#context);
    watch.open(this.#resumption.missedChanges(options, watch));
    this.#watches.add(watch);
    this.#updateHeartbeatTimer();
    return {
      get globBytes() {
        return watch.globBytes;
      },
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
   * Sends the events of a saved batch. A batch that affects many watches is sent in slices. During this time, the
   * watches defer later changes.
   *
   * @param changedNames - names whose entry or endpoints changed; for a directory, also `/` followed by the
   *   identifier
   */
  publish(changedNames: ReadonlySet<string>, previousRevision: number): void {
    const { revision } = this.#deps.position;
    this.#changeLog.add(changedNames, revision);
    if (this.#watches.size === 0) return;
    let cost = exactNameCost * this.#exactNames.dependentCount(changedNames);
    for (const name of changedNames) {
      cost += matchCost(this.#globs.candidates(name));
      if (cost > this.#maxUndividedCost) break;
    }
    if (cost > this.#maxUndividedCost) this.#publishInSlices(changedNames, revision);
    else this.#publishAtOnce(changedNames, previousRevision, revision);
  }

  /**
   * Resolves when all published batches are written to the open watches; undefined if they are already. Does not wait
   * for clients to read. A watch that is sending a snapshot sends the changes after the snapshot.
   */
  whenWritten(): Promise<unknown> | undefined {
    return this.#publications.size === 0 ? undefined : Promise.all(this.#publications);
  }

  #startPublication(): () => void {
    let finish = (): void => undefined;
    const publication = new Promise<void>((resolve) => (finish = resolve));
    this.#publications.add(publication);
    return () => {
      this.#publications.delete(publication);
      finish();
    };
  }

  #publishAtOnce(changedNames: ReadonlySet<string>, previousRevision: number, revision: number): void {
    const changes = new Map<WatchSession, WatchedName[]>();
    for (const found of this.#affectedWatches(changedNames)) {
      if (typeof found === 'number') continue;
      for (const watch of found.watches) {
        const names = changes.get(watch);
        if (names === undefined) changes.set(watch, [found.watched]);
        else names.push(found.watched);
      }
    }
    let cost = 0;
    const later: WatchSession[] = [];
    for (const [watch, names] of inOrder(this.#watches, changes)) {
      if (cost > this.#maxUndividedCost) {
        watch.hold();
        for (const watched of names) watch.defer(watched, revision);
        later.push(watch);
        continue;
      }
      const events = names.map((watched) => this.#eventOf(watched));
      for (const event of events) cost += costOf(event);
      watch.notify(names, events, previousRevision, revision);
    }
    if (later.length === 0) return;
    const finish = this.#startPublication();
    for (const watch of later) this.#deps.slices.add(() => watch.release());
    this.#deps.slices.add(() => {
      finish();
      return 0;
    });
  }

  #publishInSlices(changedNames: ReadonlySet<string>, revision: number): void {
    const held = new Set(this.#watches);
    for (const watch of held) watch.hold();
    const { slices } = this.#deps;
    const finish = this.#startPublication();
    const work = function* (found: Iterable<AffectedWatches | number>): IterableIterator<number> {
      for (const each of found) {
        if (typeof each === 'number') {
          yield each;
          continue;
        }
        // A watch that was opened after the batch has read the new state, so it needs no event.
        for (const watch of each.watches) if (held.has(watch)) watch.defer(each.watched, revision);
        yield each.watches.length / 8;
      }
      for (const watch of held) yield watch.release();
      finish();
    };
    slices.run(work(this.#affectedWatches(changedNames)));
  }

  /** Yields the changes that watches receive, and the cost of finding them. */
  *#affectedWatches(changedNames: ReadonlySet<string>): IterableIterator<AffectedWatches | number> {
    for (const name of changedNames) {
      if (name.startsWith('/#')) continue;
      const watches = new Set<WatchSession>();
      yield matchCost(0);
      for (const owners of this.#globs.find(name)) {
        for (const watch of owners ?? []) if (watch.followsAsGlob(name)) watches.add(watch);
        yield 1 / 8;
      }
      if (watches.size > 0) yield { watched: { name, isExact: false }, watches: [...watches] };
    }
    for (const changed of this.#exactNames.update(changedNames)) {
      yield exactNameCost;
      if (changed === undefined) continue;
      const { name, isOnlyBelow } = changed;
      const watches = [...changed.watches].filter((watch) =>
        isOnlyBelow ? watch.seesAllNames : watch.isVisible(name),
      );
      yield { watched: { name, isExact: true }, watches };
    }
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
    this.#updateHeartbeatTimer();
  }

  /**
   * Returns the event with the present state of a name. A link that matches a glob is sent as a link. Any other name is
   * sent as the response to a lookup.
   */
  #eventOf(watched: WatchedName): WatchEvent {
    const { name, isExact } = watched;
    const entryJson = this.#entryJson(watched);
    if (entryJson === undefined) return { type: 'delete', name };
    const key = `${isExact ? '=' : '~'}${name}`;
    const shared = this.#sharedEvents.get(key);
    // An equal event can be reused: its earlier time is still correct, because the entry is the same.
    if (shared?.entryJson === entryJson) return shared.event;
    // Rounded down, because a client must not assume a later time.
    const event = putEvent(name, entryJson, Math.floor(this.#deps.clock.now()));
    if (this.#sharedEvents.size >= maxSharedEvents) this.#sharedEvents.clear();
    this.#sharedEvents.set(key, { entryJson, event });
    return event;
  }

  /** Returns undefined for an unknown name. */
  #entryJson({ name, isExact }: WatchedName): string | undefined {
    const { state, lookups, guarantees, position, clock } = this.#deps;
    const entry = state.entries.get(name);
    if (isExact || entry?.record.kind !== 'link')
      return !isExact && entry === undefined ? undefined : lookups.json(name);
    guarantees.recordServed(entry, clock.now());
    return JSON.stringify({
      kind: 'link',
      name,
      target: entry.record.target,
      guaranteedMs: guarantees.guaranteedMs(entry),
      revision: String(position.revision),
      mark: position.markOf(position.revision),
      incarnation: position.incarnation,
    } satisfies WatchEntry);
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

/** Watches are notified in the order in which they were opened. */
function* inOrder(
  all: Iterable<WatchSession>,
  changes: ReadonlyMap<WatchSession, WatchedName[]>,
): IterableIterator<readonly [WatchSession, WatchedName[]]> {
  if (changes.size === 0) return;
  for (const watch of [...all]) {
    const names = changes.get(watch);
    if (names !== undefined) yield [watch, names];
  }
}
