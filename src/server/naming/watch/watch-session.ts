/**
 * One open watch: what it is over, what it is being told, and where it stands. While it is told all that is there,
 * changes are held back and told behind it, each name once and as it is then.
 *
 * A position is given out only with the last event of a batch; whoever goes on from an earlier one is told some of it
 * again, and misses nothing.
 */
import { ClerkError } from '../../../core/errors.js';
import { matches, parseGlob, type Glob } from '../../../core/glob.js';
import { limits } from '../../../protocol/limits.js';
import type { WatchEvent } from '../../../protocol/messages.js';
import type { WatchOptions } from '../../ports.js';

/** Events told in one go when everything is told. */
const sliceSize = 128;

/** A name as a watch sees it: resolved, or as it is. */
export interface WatchedName {
  readonly name: string;
  readonly isExact: boolean;
}

/** What a watch needs of the names. */
export interface WatchContext {
  readonly revision: () => number;
  readonly incarnation: string;
  /** The present event of a name: a `put` or a `delete`. */
  readonly eventOf: (sight: WatchedName) => WatchEvent;
  /** All entries that a glob fits. */
  readonly matchingNames: (glob: Glob) => IterableIterator<string>;
  /** Watched names were added or taken away. */
  readonly addExactName: (name: string) => void;
  readonly removeExactName: (name: string) => void;
  /** Calls back soon, never at once. */
  readonly defer: (callback: () => void) => void;
  readonly now: () => number;
}

interface SnapshotJob {
  readonly globs: readonly string[];
  readonly names: Iterator<WatchedName>;
  /** What comes before the first of it. */
  readonly leadingEvents: readonly WatchEvent[];
  /** Where the watch stands until all is told, and then. */
  readonly revisionDuring: number;
  readonly revisionAfter: number;
}

export class WatchSession {
  readonly id: string;
  /** When it was told something last. */
  lastEventAt: number;
  readonly #options: WatchOptions;
  readonly #context: WatchContext;
  readonly #globs = new Map<string, Glob>();
  readonly #exactNames = new Set<string>();
  readonly #snapshots: SnapshotJob[] = [];
  /** Names whose changes wait until what is there was told: whether they are plain. */
  readonly #deferred = new Map<string, boolean>();
  #position = 0;
  #isSendingSnapshot = false;
  #isClosed = false;

  constructor(options: WatchOptions, context: WatchContext) {
    this.id = options.id;
    this.#options = options;
    this.#context = context;
    this.lastEventAt = context.now();
  }

  /** Begins: with what changed since, if that is known, else with everything. */
  open(changed: Iterable<WatchedName> | undefined): void {
    const added = this.#addGlobs(this.#options.globs);
    const { since } = this.#options;
    const { incarnation } = this.#context;
    const open: WatchEvent = {
      type: 'open',
      watch: this.id,
      resumed: changed !== undefined,
      heartbeatMs: limits.heartbeatMs,
      incarnation,
    };
    if (changed === undefined) {
      const reason = since?.incarnation === incarnation ? 'too much has changed' : 'the registry is another';
      this.#sendSnapshot(since === undefined ? [open] : [open, { type: 'resync', reason }]);
      return;
    }
    for (const { name, isExact } of changed) this.#deferred.set(name, isExact);
    this.#position = Number(since?.revision);
    const globs = added.map(({ text }) => text);
    this.#enqueue({
      globs,
      names: this.#deferredNames(),
      leadingEvents: [open],
      revisionDuring: this.#position,
      revisionAfter: -1,
    });
  }

  /** Whether a name is watched through a glob. */
  matchesGlob(name: string): boolean {
    if (this.#exactNames.has(name)) return false;
    for (const glob of this.#globs.values()) if (matches(glob, name)) return true;
    return false;
  }

  /** Whether a name is watched as it is written. */
  watchesExactly(name: string): boolean {
    return this.#exactNames.has(name);
  }

  /** Tells what a batch changed, in order. */
  notify(
    names: readonly WatchedName[],
    events: readonly WatchEvent[],
    previousRevision: number,
    revision: number,
  ): void {
    if (this.#isSendingSnapshot) {
      for (const { name, isExact } of names) this.#deferred.set(name, isExact);
      return;
    }
    for (const [index, event] of events.entries())
      this.#emit(event, index === events.length - 1 ? revision : Math.max(previousRevision, this.#position));
  }

  /** Adds and removes names and globs. */
  edit(add: readonly string[], remove: readonly string[]): void {
    const texts = new Set(
      [...this.#globs.keys(), ...this.#exactNames].filter((text) => !remove.includes(text)),
    );
    for (const text of add) texts.add(parseGlob(text).text);
    checkGlobCount(texts.size);
    for (const text of remove) {
      this.#globs.delete(text);
      if (this.#exactNames.delete(text)) this.#context.removeExactName(text);
    }
    const added = this.#addGlobs(add);
    const position = (): number => this.#position;
    this.#enqueue({
      globs: add,
      names: this.#currentNames(added),
      leadingEvents: [],
      get revisionDuring() {
        return position();
      },
      get revisionAfter() {
        return position();
      },
    });
  }

  /** Tells everything again, after somebody lost track. */
  resync(reason: string): void {
    this.#snapshots.length = 0;
    this.#deferred.clear();
    this.#sendSnapshot([{ type: 'resync', reason }]);
  }

  heartbeat(): void {
    const { revision } = this.#context;
    this.#emit({ type: 'heartbeat' }, this.#isSendingSnapshot ? this.#position : revision());
  }

  close(): void {
    this.#isClosed = true;
    for (const name of this.#exactNames) this.#context.removeExactName(name);
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
        this.#context.addExactName(glob.text);
      }
    }
    return globs;
  }

  #sendSnapshot(first: readonly WatchEvent[]): void {
    const globs = [...this.#globs.keys(), ...this.#exactNames];
    this.#position = 0;
    const sights = this.#currentNames(globs.map((text) => parseGlob(text)));
    this.#enqueue({
      globs,
      names: sights,
      leadingEvents: first,
      revisionDuring: 0,
      revisionAfter: this.#context.revision(),
    });
  }

  /** All that is there of some globs, each name once. */
  *#currentNames(globs: readonly Glob[]): IterableIterator<WatchedName> {
    for (const { text, isExact } of globs) if (isExact) yield { name: text, isExact };
    const wild = globs.filter(({ isExact }) => !isExact);
    for (const [index, glob] of wild.entries())
      for (const name of this.#context.matchingNames(glob))
        if (!this.#exactNames.has(name) && !wild.slice(0, index).some((earlier) => matches(earlier, name)))
          yield { name, isExact: false };
  }

  /** What was held back, as long as there is any. */
  *#deferredNames(): IterableIterator<WatchedName> {
    for (const [name, isPlain] of this.#deferred) yield { name, isExact: isPlain };
  }

  #enqueue(snapshot: SnapshotJob): void {
    this.#snapshots.push(snapshot);
    if (this.#isSendingSnapshot) return;
    this.#isSendingSnapshot = true;
    this.#context.defer(() => this.#sendSlice());
  }

  /** Tells one slice, and comes back for the next. */
  #sendSlice(): void {
    if (this.#isClosed) return;
    const telling = this.#snapshots[0];
    if (telling === undefined) {
      this.#isSendingSnapshot = false;
      return;
    }
    for (const event of (telling.leadingEvents as WatchEvent[]).splice(0))
      this.#emit(event, telling.revisionDuring);
    const isResumed = telling.revisionAfter < 0;
    for (let i = 0; i < sliceSize; i++) {
      const next = telling.names.next();
      if (next.done === true) {
        if (this.#finishSnapshot(telling)) return;
        break;
      }
      this.#deferred.delete(next.value.name);
      const event = this.#context.eventOf(next.value);
      if (event.type === 'put' || isResumed) this.#emit(event, telling.revisionDuring);
    }
    this.#scheduleSlice();
  }

  #scheduleSlice(): void {
    if (this.#isClosed) return;
    const drained = this.#options.whenDrained?.();
    if (drained === undefined) this.#context.defer(() => this.#sendSlice());
    else void drained.then(() => this.#sendSlice());
  }

  /** One part is told; true when there is no other. */
  #finishSnapshot(telling: SnapshotJob): boolean {
    // A resync may have come in between.
    if (this.#snapshots[0] !== telling) return false;
    this.#snapshots.shift();
    const { globs, revisionAfter } = telling;
    // With nothing held back, all that was told is what is there now.
    const isWhole = revisionAfter < 0 || this.#deferred.size === 0;
    this.#emit({ type: 'current', globs }, isWhole ? this.#context.revision() : revisionAfter);
    if (this.#snapshots.length > 0) return false;
    this.#isSendingSnapshot = false;
    const sights = [...this.#deferredNames()];
    this.#deferred.clear();
    const events = sights.map((sight) => this.#context.eventOf(sight));
    this.notify(sights, events, this.#position, this.#context.revision());
    return true;
  }

  #emit(event: WatchEvent, position: number): void {
    if (this.#isClosed) return;
    this.#position = position;
    this.lastEventAt = this.#context.now();
    this.#options.onEvent(event, String(position));
  }
}

function checkGlobCount(count: number): void {
  if (count > limits.maxGlobs)
    throw new ClerkError('LIMIT_EXCEEDED', `A watch is over ${limits.maxGlobs} names and globs at most, not ${count}`);
}
