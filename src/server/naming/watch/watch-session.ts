import type { Clock } from '../../../core/clock.js';
import { ClerkError } from '../../../core/errors.js';
import { parseGlob, type Glob } from '../../../core/glob.js';
import type { SliceQueue } from '../../../core/slice-queue.js';
import { limits } from '../../../protocol/limits.js';
import { eventJson } from '../../../protocol/put-event.js';
import type { WatchEvent } from '../../../protocol/watch-messages.js';
import type { WatchOptions } from '../../ports.js';
import type { StatePosition } from '../lookup-cache.js';
import type { ExactNameIndex } from './exact-name-index.js';
import { GlobIndex } from './glob-index.js';
import { VisibleEvents } from './visible-events.js';

/** Cost of the work that a watch does in one turn of the {@link SliceQueue}. */
const turnCost = 500;
/** Of deferred changes, at most this number is sent in one piece, in which the last event has the new revision. */
const maxUndividedEvents = 16;

/** Returns the cost of sending an event: about a microsecond for 200 bytes. */
export function costOf(event: WatchEvent): number {
  return 5 + eventJson(event).length / 200;
}

/** Returns the cost of matching a name with a number of globs. */
export function matchCost(globs: number): number {
  return 1 + globs / 8;
}

export interface WatchedName {
  readonly name: string;
  readonly isExact: boolean;
}

export interface WatchContext {
  readonly position: StatePosition;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly exactNames: ExactNameIndex<WatchSession>;
  /** All globs with wildcards of all watches. */
  readonly globs: GlobIndex<WatchSession>;
  readonly slices: SliceQueue;
  readonly eventOf: (watched: WatchedName) => WatchEvent;
  /** Yields every name that one of the globs may match. */
  readonly scanNames: (globs: readonly Glob[]) => IterableIterator<string>;
}

/** A queued or running snapshot: `leadingEvents`, the current state of each of `names`, then a `current` event. */
interface SnapshotJob {
  /** Undefined for deferred changes, which end with a `heartbeat` instead of a `current`. */
  readonly globs: readonly string[] | undefined;
  /** Yields names, and the cost of the work between them. */
  readonly names: Iterator<WatchedName | number>;
  readonly leadingEvents: readonly WatchEvent[];
  /**
   * Revision of each event before `current`. If undefined, each event has the revision of the event before the
   * snapshot.
   */
  readonly revisionDuring: number | undefined;
  /**
   * Revision of `current` if a watched name changed during the snapshot. If undefined, `current` has the revision of
   * the event before the snapshot.
   */
  readonly revisionAfter: number | 'latest' | undefined;
}

/**
 * One open watch. Changes during a snapshot are sent after the snapshot, with one event per name.
 *
 * Only the last event of a batch carries the revision of the batch. A client that loses its connection during a batch
 * therefore receives the whole batch again.
 */
export class WatchSession {
  readonly id: string;
  lastEventAt: number;
  readonly #options: WatchOptions;
  readonly #context: WatchContext;
  readonly #globs = new Map<string, Glob>();
  readonly #ownGlobs = new GlobIndex<WatchSession>();
  readonly #exactNames = new Set<string>();
  readonly #snapshots: SnapshotJob[] = [];
  readonly #deferred = new Map<string, WatchedName>();
  readonly #visibleEvents: VisibleEvents;
  #position = 0;
  #isSendingSnapshot = false;
  /** Number of published batches whose changes are not all known yet. */
  #holds = 0;
  /** Revisions at which names were sent while changes were held. */
  readonly #sentDuringHold = new Map<string, number>();
  #isClosed = false;

  constructor(options: WatchOptions, context: WatchContext) {
    this.id = options.id;
    this.#options = options;
    this.#context = context;
    this.#visibleEvents = new VisibleEvents(options.isVisible);
    this.lastEventAt = context.clock.now();
  }

  /** @param missed - changes since the position of the client, and the cost of finding them */
  open(missed: Iterator<WatchedName | number> | undefined): void {
    const added = this.#addGlobs(this.#options.globs);
    const { since, isVisible } = this.#options;
    const { heartbeatMs, position } = this.#context;
    const { incarnation } = position;
    const open: WatchEvent = {
      type: 'open',
      watch: this.id,
      resumed: missed !== undefined,
      heartbeatMs,
      incarnation,
      // Rounded up, because a client must not assume an earlier time.
      statedAt: Math.ceil(this.#context.clock.now()),
    };
    if (missed === undefined) {
      const reason =
        isVisible !== undefined
          ? 'the rights of the client may have changed'
          : since?.incarnation === incarnation
            ? 'the registry no longer knows the changes since the requested revision'
            : 'the registry has another incarnation than the client requested';
      this.#sendSnapshot(since === undefined ? [open] : [open, { type: 'resync', reason }]);
      return;
    }
    this.#position = Number(since?.revision);
    const globs = added.map(({ text }) => text);
    this.#enqueue({
      globs,
      names: missed,
      leadingEvents: [open],
      revisionDuring: this.#position,
      revisionAfter: 'latest',
    });
  }

  /** Whether a visible name matches a glob of the watch. An exact name of the watch does not count. */
  matchesGlob(name: string): boolean {
    return !this.#exactNames.has(name) && this.#ownGlobs.has(name) && this.isVisible(name);
  }

  /** Whether the watch sends a change of a name that one of its globs matches. */
  followsAsGlob(name: string): boolean {
    return !this.#exactNames.has(name) && this.isVisible(name);
  }

  isVisible(name: string): boolean {
    return this.#options.isVisible?.(name) !== false;
  }

  /** Sends one event for each of `names`, or defers the names during a snapshot or a hold. */
  notify(
    names: readonly WatchedName[],
    events: readonly WatchEvent[],
    previousRevision: number,
    revision: number,
  ): void {
    if (this.#isBusy) {
      for (const watched of names) this.defer(watched, revision);
      return;
    }
    for (const [index, event] of events.entries())
      this.#emitVisible(
        event,
        index === events.length - 1 ? revision : Math.max(previousRevision, this.#position),
      );
  }

  get #isBusy(): boolean {
    return this.#isSendingSnapshot || this.#holds > 0;
  }

  /**
   * Sends the state of a name after the present snapshot and all holds, unless the snapshot has shown it.
   *
   * @param revision - of the batch that changed the name
   */
  defer(watched: WatchedName, revision: number): void {
    if ((this.#sentDuringHold.get(watched.name) ?? -1) < revision) this.#deferred.set(watched.name, watched);
  }

  /** Defers all changes until {@link WatchSession.release}. */
  hold(): void {
    this.#holds++;
  }

  /** Returns the cost of the events that it sends. */
  release(): number {
    this.#holds--;
    if (this.#holds === 0) this.#sentDuringHold.clear();
    return this.#isClosed || this.#isBusy ? 1 : 1 + this.#sendDeferred();
  }

  edit(add: readonly string[], remove: readonly string[]): void {
    const removed = new Set(remove);
    const texts = new Set([...this.#globs.keys(), ...this.#exactNames].filter((text) => !removed.has(text)));
    for (const text of add) texts.add(parseGlob(text).text);
    checkGlobCounts(texts);
    for (const text of removed) {
      this.#deleteGlob(text);
      this.#visibleEvents.forget(text);
      if (this.#exactNames.delete(text)) this.#context.exactNames.delete(text, this);
    }
    const added = this.#addGlobs(add);
    this.#enqueue({
      globs: add,
      names: this.#currentNames(added),
      leadingEvents: [],
      revisionDuring: undefined,
      revisionAfter: undefined,
    });
  }

  resync(reason: string): void {
    this.#snapshots.length = 0;
    this.#deferred.clear();
    this.#sendSnapshot([{ type: 'resync', reason }]);
  }

  heartbeat(): void {
    const { revision } = this.#context.position;
    this.#emit({ type: 'heartbeat' }, this.#isBusy ? this.#position : revision);
  }

  close(): void {
    this.#isClosed = true;
    for (const name of this.#exactNames) this.#context.exactNames.delete(name, this);
    this.#exactNames.clear();
    for (const text of [...this.#globs.keys()]) this.#deleteGlob(text);
  }

  #addGlobs(texts: readonly string[]): readonly Glob[] {
    const globs = [...new Set(texts)].map((text) => parseGlob(text));
    checkGlobCounts(new Set(texts));
    for (const glob of globs) {
      if (!glob.isExact) this.#addGlob(glob);
      else if (!this.#exactNames.has(glob.text)) {
        this.#exactNames.add(glob.text);
        this.#context.exactNames.add(glob.text, this);
      }
    }
    return globs;
  }

  #addGlob(glob: Glob): void {
    this.#globs.set(glob.text, glob);
    this.#ownGlobs.add(glob, this);
    this.#context.globs.add(glob, this);
  }

  #deleteGlob(text: string): void {
    const glob = this.#globs.get(text);
    if (glob === undefined) return;
    this.#globs.delete(text);
    this.#ownGlobs.delete(glob, this);
    this.#context.globs.delete(glob, this);
  }

  #sendSnapshot(leadingEvents: readonly WatchEvent[]): void {
    const globs = [...this.#globs.keys(), ...this.#exactNames];
    this.#visibleEvents.forgetAll();
    this.#position = 0;
    this.#enqueue({
      globs,
      names: this.#currentNames(globs.map((text) => parseGlob(text))),
      leadingEvents,
      revisionDuring: 0,
      revisionAfter: this.#context.position.revision,
    });
  }

  *#currentNames(globs: readonly Glob[]): IterableIterator<WatchedName | number> {
    for (const { text, isExact } of globs) if (isExact && this.isVisible(text)) yield { name: text, isExact };
    const wildcards = globs.filter(({ isExact }) => !isExact);
    const index = new GlobIndex<WatchSession>();
    for (const glob of wildcards) index.add(glob, this);
    for (const name of this.#context.scanNames(wildcards)) {
      yield matchCost(index.candidates(name));
      if (this.followsAsGlob(name) && index.has(name)) yield { name, isExact: false };
    }
  }

  #enqueue(snapshot: SnapshotJob): void {
    this.#snapshots.push(snapshot);
    if (this.#isSendingSnapshot) return;
    this.#isSendingSnapshot = true;
    this.#context.slices.add(() => this.#sendSlice());
  }

  #sendSlice(): number {
    const snapshot = this.#snapshots[0];
    if (this.#isClosed || snapshot === undefined) {
      this.#isSendingSnapshot = false;
      return 0;
    }
    let cost = 0;
    for (const event of (snapshot.leadingEvents as WatchEvent[]).splice(0))
      this.#emit(event, snapshot.revisionDuring ?? this.#position);
    const isResumed = snapshot.revisionAfter === 'latest';
    while (cost < turnCost) {
      const next = snapshot.names.next();
      if (next.done === true) {
        if (this.#finishSnapshot(snapshot)) return cost;
        break;
      }
      if (typeof next.value === 'number') {
        cost += next.value;
        continue;
      }
      this.#deferred.delete(next.value.name);
      const event = this.#context.eventOf(next.value);
      cost += costOf(event);
      if (this.#holds > 0) this.#sentDuringHold.set(next.value.name, this.#context.position.revision);
      if (event.type === 'put' || isResumed)
        this.#emitVisible(event, snapshot.revisionDuring ?? this.#position);
    }
    this.#scheduleSlice();
    return cost;
  }

  #scheduleSlice(): void {
    if (this.#isClosed) return;
    const drained = this.#options.whenDrained?.();
    const { slices } = this.#context;
    if (drained === undefined) slices.add(() => this.#sendSlice());
    else void drained.then(() => slices.add(() => this.#sendSlice()));
  }

  #finishSnapshot(snapshot: SnapshotJob): boolean {
    if (this.#snapshots[0] !== snapshot) return false;
    this.#snapshots.shift();
    const { globs, revisionAfter } = snapshot;
    // Without deferred changes, the snapshot shows the state at the current revision.
    const isUpToDate = this.#holds === 0 && this.#deferred.size === 0;
    const { revision } = this.#context.position;
    const statedRevision = revisionAfter === 'latest' ? this.#position : (revisionAfter ?? this.#position);
    this.#emit(
      globs === undefined ? { type: 'heartbeat' } : { type: 'current', globs },
      isUpToDate ? revision : statedRevision,
    );
    if (this.#snapshots.length > 0) return false;
    this.#isSendingSnapshot = false;
    if (this.#holds === 0) this.#sendDeferred();
    return true;
  }

  #sendDeferred(): number {
    if (this.#deferred.size === 0) return 0;
    if (this.#deferred.size > maxUndividedEvents) {
      this.#enqueue({
        globs: undefined,
        // The iterator also yields names that are deferred later.
        names: this.#deferred.values(),
        leadingEvents: [],
        revisionDuring: undefined,
        revisionAfter: 'latest',
      });
      return 0;
    }
    const names = [...this.#deferred.values()];
    this.#deferred.clear();
    const events = names.map((watched) => this.#context.eventOf(watched));
    this.notify(names, events, this.#position, this.#context.position.revision);
    return events.reduce((sum, event) => sum + costOf(event), 0);
  }

  #emitVisible(event: WatchEvent, position: number): void {
    const isExact = (event.type === 'put' || event.type === 'delete') && this.#exactNames.has(event.name);
    const visible = isExact ? this.#visibleEvents.filter(event) : event;
    if (visible !== undefined) this.#emit(visible, position);
  }

  #emit(event: WatchEvent, position: number): void {
    if (this.#isClosed) return;
    this.#position = position;
    this.lastEventAt = this.#context.clock.now();
    this.#options.onEvent(event, String(position), this.#context.position.textOf(position));
  }
}

function checkGlobCounts(texts: ReadonlySet<string>): void {
  const { maxGlobs, maxWildcardGlobs } = limits;
  if (texts.size > maxGlobs)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `A watch must have at most ${maxGlobs} names and globs; got ${texts.size}; open another watch for the other names`,
    );
  let wildcards = 0;
  for (const text of texts) wildcards += Number(text.includes('*'));
  if (wildcards > maxWildcardGlobs)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `A watch must have at most ${maxWildcardGlobs} globs with wildcards; got ${wildcards}; open another watch for the others, or use wider globs`,
    );
}
