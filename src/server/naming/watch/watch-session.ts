import type { Clock } from '../../../core/clock.js';
import { parseGlob, type Glob } from '../../../core/glob.js';
import type { SliceQueue } from '../../../core/slice-queue.js';
import { eventJson } from '../../../protocol/put-event.js';
import type { WatchEvent } from '../../../protocol/watch-messages.js';
import type { WatchOptions } from '../../ports.js';
import type { StatePosition } from '../lookup-cache.js';
import { GlobIndex } from './glob-index.js';
import { VisibleEvents } from './visible-events.js';
import { WatchedGlobs, type WatchIndexes } from './watched-globs.js';

/** Cost of the work that a watch does in one turn of the {@link SliceQueue}. */
const turnCost = 500;
/** Maximum number of deferred changes that are sent at once. A larger number is sent in slices, like a snapshot. */
const maxUndividedEvents = 16;

/** Returns the cost of sending an event: about a microsecond for 200 bytes. */
export function costOf(event: WatchEvent): number {
  return 5 + eventJson(event).length / 200;
}

/** Cost of examining a watched name without wildcards. */
export const exactNameCost = 4;

/** Returns the cost of matching a name with a number of globs. */
export function matchCost(globs: number): number {
  return 1 + globs / 8;
}

export interface WatchedName {
  readonly name: string;
  readonly isExact: boolean;
}

export interface WatchContext extends WatchIndexes<WatchSession> {
  readonly position: StatePosition;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly slices: SliceQueue;
  readonly servers: { readonly statement: string | undefined } | undefined;
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
  readonly #globs: WatchedGlobs<WatchSession>;
  readonly #snapshots: SnapshotJob[] = [];
  readonly #deferred = new Map<string, WatchedName>();
  readonly #visibleEvents: VisibleEvents;
  #position = 0;
  #isSendingSnapshot = false;
  /** Number of batches that are being published in slices, whose changes for this watch are not all known yet. */
  #holds = 0;
  /** Revision at which each name was sent during a hold. */
  readonly #sentDuringHold = new Map<string, number>();
  #isClosed = false;

  constructor(options: WatchOptions, context: WatchContext) {
    this.id = options.id;
    this.#options = options;
    this.#context = context;
    this.#globs = new WatchedGlobs(this, context);
    this.#visibleEvents = new VisibleEvents(options.isVisible);
    this.lastEventAt = context.clock.now();
  }

  /** @param missed - changes since the position of the client, and the cost of finding them */
  open(missed: Iterator<WatchedName | number> | undefined): void {
    const added = this.#globs.add(this.#options.globs);
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
      ...this.#statedServers(),
    };
    if (missed === undefined) {
      const reason =
        isVisible !== undefined
          ? 'the rights of the client may have changed'
          : since?.incarnation === incarnation
            ? 'the registry does not have all changes since the requested revision'
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

  /** Whether a name is visible and matches a glob of the watch. False if the watch also has the exact name. */
  matchesGlob(name: string): boolean {
    return this.followsAsGlob(name) && this.#globs.matches(name);
  }

  /**
   * Whether the watch sends changes of a matching name as a glob event: the name is visible and is not watched as an
   * exact name.
   */
  followsAsGlob(name: string): boolean {
    return !this.#globs.hasExact(name) && this.isVisible(name);
  }

  /** Always false for clients of a secured registry, even with all rights. */
  get seesAllNames(): boolean {
    return this.#options.isVisible === undefined;
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
   * Schedules a name to be sent after the running snapshot and all holds. Has no effect if the name was already sent
   * at this revision.
   *
   * @param revision - revision of the batch that changed the name
   */
  defer(watched: WatchedName, revision: number): void {
    if ((this.#sentDuringHold.get(watched.name) ?? -1) < revision) this.#deferred.set(watched.name, watched);
  }

  /** Defers all changes until {@link WatchSession.release}. */
  hold(): void {
    this.#holds++;
  }

  /** Ends a hold. After the last hold, sends the deferred changes. Returns the cost of the events that were sent. */
  release(): number {
    this.#holds--;
    if (this.#holds === 0) this.#sentDuringHold.clear();
    return this.#isClosed || this.#isBusy ? 1 : 1 + this.#sendDeferred();
  }

  /** Total length of all names and globs of the watch, in characters. */
  get globBytes(): number {
    return this.#globs.bytes;
  }

  edit(add: readonly string[], remove: readonly string[]): void {
    const removed = new Set(remove);
    this.#globs.checkEdit(add, removed);
    for (const text of removed) {
      this.#globs.delete(text);
      this.#visibleEvents.forget(text);
    }
    const added = this.#globs.add(add);
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
    const event: WatchEvent = { type: 'heartbeat', ...this.#statedServers() };
    this.#emit(event, this.#isBusy ? this.#position : revision);
  }

  #statedServers(): { readonly servers?: string } {
    const servers = this.#context.servers?.statement;
    return servers === undefined ? {} : { servers };
  }

  close(): void {
    this.#isClosed = true;
    this.#globs.clear();
  }

  #sendSnapshot(leadingEvents: readonly WatchEvent[]): void {
    const globs = this.#globs.texts;
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
    const isExact = (event.type === 'put' || event.type === 'delete') && this.#globs.hasExact(event.name);
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
