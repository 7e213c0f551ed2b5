import { ClerkError } from '../../core/errors.js';
import { matches, parseGlob, type Glob } from '../../core/glob.js';
import type { Resolution, Snapshot } from '../../core/registry.js';
import { limits } from '../../protocol/limits.js';
import { absentResolution } from './parse-responses.js';

interface Listener {
  readonly onSnapshot: (snapshot: Snapshot) => void;
  readonly onError: ((error: unknown) => void) | undefined;
  outageReported: boolean;
}

export interface WatchPosition {
  readonly incarnation: string;
  readonly revision: string;
  /** The position as the registry sent it: `<incarnation>:<revision>:<mark>`. */
  readonly position?: string;
}

type GlobSnapshot = Map<string, Resolution>;

interface WatchedGlob {
  readonly glob: Glob;
  readonly listeners: Set<Listener>;
  snapshot: GlobSnapshot | undefined;
  /** The snapshot under construction; undefined while `snapshot` is current. */
  pending: GlobSnapshot | undefined;
  /** Whether this glob is not watched, because the maximum number of globs is reached. */
  isExcess: boolean;
  /** Replaced by a new object each time the glob is watched again. */
  identity: object;
}

/**
 * The watched globs of a clerk, each with its snapshot. Only complete snapshots are reported. During a resync, the
 * previous snapshot stays valid.
 *
 * When the maximum number of globs is reached, a new glob replaces the oldest watched name that is absent. If no
 * watched name is absent, the new glob is not watched until another glob is removed, and its listener gets
 * `LIMIT_EXCEEDED`.
 */
export class WatchState {
  readonly #globs = new Map<string, WatchedGlob>();
  readonly #excess = new Set<WatchedGlob>();
  #maxGlobs: number;
  readonly #wildcards = new Set<WatchedGlob>();
  readonly #changed = new Set<WatchedGlob>();
  #position: WatchPosition = { incarnation: '', revision: '' };
  #flushing = false;

  /** @param maxGlobs - maximum number of watched globs, ≥ 1 */
  constructor(maxGlobs: number = limits.maxGlobs) {
    this.#maxGlobs = maxGlobs;
  }

  get size(): number {
    return this.#globs.size;
  }

  /** The watched globs, without the globs above the limit. */
  get globs(): Iterable<string> {
    return this.#watched();
  }

  *#watched(): Iterable<string> {
    for (const [text, { isExcess }] of this.#globs) if (!isExcess) yield text;
  }

  /**
   * Returns an object that identifies a watched glob; undefined if the glob is not watched. A glob that is removed
   * and added again gets another object.
   */
  identityOf(text: string): object | undefined {
    const watched = this.#globs.get(text);
    return watched?.isExcess === true ? undefined : watched?.identity;
  }

  isCurrent(text: string): boolean {
    const watched = this.#globs.get(text);
    return watched?.snapshot !== undefined && watched.pending === undefined;
  }

  /**
   * Returns a function that ends the watch.
   *
   * @throws {@link ClerkError} `NAME_INVALID` when the glob is invalid
   */
  add(text: string, onSnapshot: Listener['onSnapshot'], onError: Listener['onError']): () => void {
    const glob = parseGlob(text);
    let watched = this.#globs.get(text);
    if (watched === undefined) {
      const [snapshot, pending] = [undefined, new Map<string, Resolution>()];
      watched = { glob, listeners: new Set(), snapshot, pending, isExcess: false, identity: {} };
      if (this.#isFull && !this.#makeRoom()) this.#stopWatching(watched);
      this.#globs.set(text, watched);
      if (!glob.isExact) this.#wildcards.add(watched);
    }
    const entry = watched;
    const listener: Listener = { onSnapshot, onError, outageReported: false };
    entry.listeners.add(listener);
    if (entry.isExcess) queueMicrotask(() => onError?.(this.#limitError()));
    if (entry.snapshot !== undefined)
      queueMicrotask(() => {
        if (entry.listeners.has(listener)) this.#notify(entry, [listener]);
      });
    return () => {
      entry.listeners.delete(listener);
      if (entry.listeners.size > 0 || this.#globs.get(text) !== entry) return;
      this.#globs.delete(text);
      this.#excess.delete(entry);
      this.#wildcards.delete(entry);
      this.#changed.delete(entry);
      this.#fillRoom();
    };
  }

  /**
   * Called when the server refuses to watch these globs. From then on, the limit is the number of the other watched
   * globs.
   */
  refuse(texts: readonly string[]): void {
    for (const text of texts) {
      const watched = this.#globs.get(text);
      if (watched === undefined || watched.isExcess) continue;
      this.#stopWatching(watched);
      for (const { onError } of watched.listeners) onError?.(this.#limitError());
    }
    this.#maxGlobs = Math.max(1, this.#globs.size - this.#excess.size);
  }

  get #isFull(): boolean {
    return this.#globs.size - this.#excess.size >= this.#maxGlobs;
  }

  /** Stops the watch of the oldest absent name. Returns false if no watched name is absent. */
  #makeRoom(): boolean {
    for (const watched of this.#globs.values()) {
      if (!watched.glob.isExact || watched.isExcess || watched.snapshot?.size !== 0) continue;
      this.#stopWatching(watched);
      return true;
    }
    return false;
  }

  #stopWatching(watched: WatchedGlob): void {
    watched.isExcess = true;
    watched.snapshot = undefined;
    watched.pending = new Map();
    this.#changed.delete(watched);
    this.#excess.add(watched);
  }

  #fillRoom(): void {
    for (const watched of this.#excess) {
      if (this.#isFull) return;
      watched.isExcess = false;
      watched.identity = {};
      this.#excess.delete(watched);
    }
  }

  #limitError(): ClerkError {
    return new ClerkError(
      'LIMIT_EXCEEDED',
      `A clerk watches at most ${String(this.#maxGlobs)} names and globs; use fewer names, or several clerks`,
    );
  }

  resync(texts: Iterable<string>): void {
    for (const text of texts) {
      const watched = this.#globs.get(text);
      if (watched) watched.pending = new Map();
    }
  }

  put(name: string, resolution: Resolution): void {
    if (resolution.kind === 'absent') {
      this.delete(name);
      return;
    }
    const exact = this.#globs.get(name);
    if (exact && resolution.kind !== 'link') this.#set(exact, name, resolution);
    const entry = toWildcardEntry(name, resolution);
    if (entry === undefined) return;
    for (const watched of this.#wildcards) if (matches(watched.glob, name)) this.#set(watched, name, entry);
  }

  delete(name: string): void {
    for (const watched of this.#matching(name)) {
      const existed = (watched.pending ?? watched.snapshot)?.delete(name) === true;
      if (existed && watched.pending === undefined) this.#scheduleNotify(watched);
    }
  }

  /** Replaces the snapshots of these globs by their pending snapshots, which are now complete. */
  markCurrent(texts: Iterable<string>, position: WatchPosition): void {
    this.#position = position;
    for (const text of texts) {
      const watched = this.#globs.get(text);
      if (watched?.pending === undefined) continue;
      watched.snapshot = watched.pending;
      watched.pending = undefined;
      for (const listener of watched.listeners) listener.outageReported = false;
      this.#scheduleNotify(watched);
    }
  }

  setPosition(position: WatchPosition): void {
    this.#position = position;
  }

  reportOutage(error: unknown): void {
    for (const { listeners } of this.#globs.values())
      for (const listener of [...listeners]) {
        if (listener.outageReported) continue;
        listener.outageReported = true;
        listener.onError?.(error);
      }
  }

  endOutage(): void {
    for (const { listeners } of this.#globs.values())
      for (const listener of listeners) listener.outageReported = false;
  }

  #set(watched: WatchedGlob, name: string, resolution: Resolution): void {
    (watched.pending ?? watched.snapshot)?.set(name, resolution);
    if (watched.pending === undefined) this.#scheduleNotify(watched);
  }

  *#matching(name: string): Iterable<WatchedGlob> {
    const exact = this.#globs.get(name);
    if (exact) yield exact;
    for (const watched of this.#wildcards) if (matches(watched.glob, name)) yield watched;
  }

  #scheduleNotify(watched: WatchedGlob): void {
    this.#changed.add(watched);
    if (this.#flushing) return;
    this.#flushing = true;
    // All events of one chunk are reported as one snapshot.
    queueMicrotask(() => {
      this.#flushing = false;
      const changed = [...this.#changed];
      this.#changed.clear();
      for (const each of changed) this.#notify(each, [...each.listeners]);
    });
  }

  #notify(watched: WatchedGlob, listeners: readonly Listener[]): void {
    const { glob } = watched;
    if (watched.snapshot === undefined) return;
    const snapshot = new Map(watched.snapshot);
    // The absent name needs a revision, because the clerk compares revisions of watches and lookups.
    if (glob.isExact && snapshot.size === 0) snapshot.set(glob.text, absentResolution(this.#position));
    for (const listener of listeners) if (watched.listeners.has(listener)) listener.onSnapshot(snapshot);
  }
}

/**
 * Converts a resolution to the entry that a wildcard snapshot contains. For a link that is also watched by its exact
 * name, the server sends the service to which the link leads. In this case, this function returns the link itself.
 * Returns undefined for a name that exists only through a link in its prefix.
 */
function toWildcardEntry(name: string, resolution: Resolution): Resolution | undefined {
  if (resolution.kind !== 'bound') return resolution;
  const { canonical = name, path = [], statedAt } = resolution;
  if (canonical === name) return resolution;
  const link = path.find((step) => step.name === name && step.kind === 'link');
  return (
    link && {
      kind: 'link',
      target: canonical,
      guaranteedMs: link.guaranteedMs,
      ...(statedAt !== undefined && { statedAt }),
    }
  );
}
