import type { Clock } from '../../../core/clock.js';
import { ClerkError } from '../../../core/errors.js';
import { matches, parseGlob, type Glob } from '../../../core/glob.js';
import { limits } from '../../../protocol/limits.js';
import type { WatchEvent } from '../../../protocol/watch-messages.js';
import type { WatchOptions } from '../../ports.js';
import type { StatePosition } from '../lookup-cache.js';
import type { ExactNameIndex } from './exact-name-index.js';
import { VisibleEvents } from './visible-events.js';

/** Other work of this process runs between two slices of a snapshot. */
const sliceSize = 128;

export interface WatchedName {
  readonly name: string;
  readonly isExact: boolean;
}

export interface WatchContext {
  readonly position: StatePosition;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly exactNames: ExactNameIndex<WatchSession>;
  readonly eventOf: (watched: WatchedName) => WatchEvent;
  readonly matchingNames: (glob: Glob) => IterableIterator<string>;
}

/** A queued or running snapshot: `leadingEvents`, the current state of each of `names`, then a `current` event. */
interface SnapshotJob {
  readonly globs: readonly string[];
  readonly names: Iterator<WatchedName>;
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
  readonly #exactNames = new Set<string>();
  readonly #snapshots: SnapshotJob[] = [];
  readonly #deferred = new Map<string, WatchedName>();
  readonly #visibleEvents: VisibleEvents;
  #position = 0;
  #isSendingSnapshot = false;
  #isClosed = false;

  constructor(options: WatchOptions, context: WatchContext) {
    this.id = options.id;
    this.#options = options;
    this.#context = context;
    this.#visibleEvents = new VisibleEvents(options.isVisible);
    this.lastEventAt = context.clock.now();
  }

  open(missed: Iterable<WatchedName> | undefined): void {
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
    for (const watched of missed) this.#deferred.set(watched.name, watched);
    this.#position = Number(since?.revision);
    const globs = added.map(({ text }) => text);
    this.#enqueue({
      globs,
      // The iterator also yields names that are deferred later.
      names: this.#deferred.values(),
      leadingEvents: [open],
      revisionDuring: this.#position,
      revisionAfter: 'latest',
    });
  }

  /** Whether a visible name matches a glob of the watch. An exact name of the watch does not count. */
  matchesGlob(name: string): boolean {
    if (this.#exactNames.has(name)) return false;
    for (const glob of this.#globs.values()) if (matches(glob, name)) return this.isVisible(name);
    return false;
  }

  isVisible(name: string): boolean {
    return this.#options.isVisible?.(name) !== false;
  }

  /** Sends one event for each of `names`, or defers the names during a snapshot. */
  notify(
    names: readonly WatchedName[],
    events: readonly WatchEvent[],
    previousRevision: number,
    revision: number,
  ): void {
    if (this.#isSendingSnapshot) {
      for (const watched of names) this.#deferred.set(watched.name, watched);
      return;
    }
    for (const [index, event] of events.entries())
      this.#emitVisible(
        event,
        index === events.length - 1 ? revision : Math.max(previousRevision, this.#position),
      );
  }

  edit(add: readonly string[], remove: readonly string[]): void {
    const texts = new Set(
      [...this.#globs.keys(), ...this.#exactNames].filter((text) => !remove.includes(text)),
    );
    for (const text of add) texts.add(parseGlob(text).text);
    checkGlobCount(texts.size);
    for (const text of remove) {
      this.#globs.delete(text);
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
    this.#emit({ type: 'heartbeat' }, this.#isSendingSnapshot ? this.#position : revision);
  }

  close(): void {
    this.#isClosed = true;
    for (const name of this.#exactNames) this.#context.exactNames.delete(name, this);
    this.#exactNames.clear();
    this.#globs.clear();
  }

  #addGlobs(texts: readonly string[]): readonly Glob[] {
    const globs = [...new Set(texts)].map((text) => parseGlob(text));
    checkGlobCount(globs.length);
    for (const glob of globs) {
      if (!glob.isExact) this.#globs.set(glob.text, glob);
      else if (!this.#exactNames.has(glob.text)) {
        this.#exactNames.add(glob.text);
        this.#context.exactNames.add(glob.text, this);
      }
    }
    return globs;
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

  *#currentNames(globs: readonly Glob[]): IterableIterator<WatchedName> {
    for (const { text, isExact } of globs) if (isExact && this.isVisible(text)) yield { name: text, isExact };
    const wildcards = globs.filter(({ isExact }) => !isExact);
    for (const [index, glob] of wildcards.entries())
      for (const name of this.#context.matchingNames(glob))
        if (
          !this.#exactNames.has(name) &&
          this.isVisible(name) &&
          !wildcards.slice(0, index).some((earlier) => matches(earlier, name))
        )
          yield { name, isExact: false };
  }

  #enqueue(snapshot: SnapshotJob): void {
    this.#snapshots.push(snapshot);
    if (this.#isSendingSnapshot) return;
    this.#isSendingSnapshot = true;
    this.#context.clock.afterPendingIo(() => this.#sendSlice());
  }

  #sendSlice(): void {
    if (this.#isClosed) return;
    const snapshot = this.#snapshots[0];
    if (snapshot === undefined) {
      this.#isSendingSnapshot = false;
      return;
    }
    for (const event of (snapshot.leadingEvents as WatchEvent[]).splice(0))
      this.#emit(event, snapshot.revisionDuring ?? this.#position);
    const isResumed = snapshot.revisionAfter === 'latest';
    for (let i = 0; i < sliceSize; i++) {
      const next = snapshot.names.next();
      if (next.done === true) {
        if (this.#finishSnapshot(snapshot)) return;
        break;
      }
      this.#deferred.delete(next.value.name);
      const event = this.#context.eventOf(next.value);
      if (event.type === 'put' || isResumed)
        this.#emitVisible(event, snapshot.revisionDuring ?? this.#position);
    }
    this.#scheduleSlice();
  }

  #scheduleSlice(): void {
    if (this.#isClosed) return;
    const drained = this.#options.whenDrained?.();
    if (drained === undefined) this.#context.clock.afterPendingIo(() => this.#sendSlice());
    else void drained.then(() => this.#sendSlice());
  }

  #finishSnapshot(snapshot: SnapshotJob): boolean {
    if (this.#snapshots[0] !== snapshot) return false;
    this.#snapshots.shift();
    const { globs, revisionAfter } = snapshot;
    // Without deferred changes, the snapshot shows the state at the current revision.
    const isUpToDate = revisionAfter === 'latest' || this.#deferred.size === 0;
    const { revision } = this.#context.position;
    this.#emit({ type: 'current', globs }, isUpToDate ? revision : (revisionAfter ?? this.#position));
    if (this.#snapshots.length > 0) return false;
    this.#isSendingSnapshot = false;
    const names = [...this.#deferred.values()];
    this.#deferred.clear();
    const events = names.map((watched) => this.#context.eventOf(watched));
    this.notify(names, events, this.#position, this.#context.position.revision);
    return true;
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

function checkGlobCount(count: number): void {
  if (count > limits.maxGlobs)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `A watch must have at most ${limits.maxGlobs} names and globs; got ${count}; open another watch for the other names`,
    );
}
