/**
 * What a clerk watches, and what is there of it: whole pictures, put together from the changes that a stream tells. A
 * picture is handed out only once all of it was told; while it is told anew, the one before stands.
 */
import { matches, parseGlob, type Glob } from '../../core/glob.js';
import type { Resolution, Snapshot } from '../../core/registry.js';
import { absentResolution } from './parse-replies.js';

/** Who wants to know. */
interface Listener {
  readonly onSnapshot: (snapshot: Snapshot) => void;
  readonly onError: ((error: unknown) => void) | undefined;
  /** Was told of the outage that is on. */
  outageReported: boolean;
}

/** A place in the history of one server's names. */
export interface WatchPosition {
  readonly incarnation: string;
  readonly revision: string;
}

type GlobSnapshot = Map<string, Resolution>;

/** One glob. */
interface WatchedGlob {
  readonly glob: Glob;
  readonly listeners: Set<Listener>;
  /** As it was last complete. */
  snapshot: GlobSnapshot | undefined;
  /** What was told of it since it began to be told anew; undefined while the picture is kept up to date. */
  pending: GlobSnapshot | undefined;
}

/** See the file's header. */
export class WatchState {
  readonly #globs = new Map<string, WatchedGlob>();
  readonly #wildcards = new Set<WatchedGlob>();
  readonly #changed = new Set<WatchedGlob>();
  #position: WatchPosition = { incarnation: '', revision: '' };
  #flushing = false;

  get size(): number {
    return this.#globs.size;
  }

  /** All globs, as they were written. */
  get globs(): Iterable<string> {
    return this.#globs.keys();
  }

  /** Tells one watch of a glob from a later one of the same glob. */
  identityOf(text: string): object | undefined {
    return this.#globs.get(text);
  }

  /** Whether the picture of a glob is complete and kept up to date. */
  isCurrent(text: string): boolean {
    const watched = this.#globs.get(text);
    return watched?.snapshot !== undefined && watched.pending === undefined;
  }

  /** @throws a `ClerkError` `NAME_INVALID`. Returns what ends it. */
  add(text: string, onSnapshot: Listener['onSnapshot'], onError: Listener['onError']): () => void {
    const glob = parseGlob(text);
    let watched = this.#globs.get(text);
    if (watched === undefined) {
      watched = { glob, listeners: new Set(), snapshot: undefined, pending: new Map() };
      this.#globs.set(text, watched);
      if (!glob.isExact) this.#wildcards.add(watched);
    }
    const entry = watched;
    const listener: Listener = { onSnapshot, onError, outageReported: false };
    entry.listeners.add(listener);
    if (entry.snapshot !== undefined)
      queueMicrotask(() => {
        if (entry.listeners.has(listener)) this.#notify(entry, [listener]);
      });
    return () => {
      entry.listeners.delete(listener);
      if (entry.listeners.size > 0 || this.#globs.get(text) !== entry) return;
      this.#globs.delete(text);
      this.#wildcards.delete(entry);
      this.#changed.delete(entry);
    };
  }

  /** These are told anew from here on. */
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

  /** All of these was told. */
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

  /** What is told now is as of here. */
  setPosition(position: WatchPosition): void {
    this.#position = position;
  }

  /** Nothing can be told for now: everybody who was not told yet is. */
  reportOutage(error: unknown): void {
    for (const { listeners } of this.#globs.values())
      for (const listener of [...listeners]) {
        if (listener.outageReported) continue;
        listener.outageReported = true;
        listener.onError?.(error);
      }
  }

  /** It goes on: the next outage is told of again. */
  endOutage(): void {
    for (const { listeners } of this.#globs.values())
      for (const listener of listeners) listener.outageReported = false;
  }

  #set(watched: WatchedGlob, name: string, resolution: Resolution): void {
    (watched.pending ?? watched.snapshot)?.set(name, resolution);
    if (watched.pending === undefined) this.#scheduleNotify(watched);
  }

  /** The pictures that a name belongs in. */
  *#matching(name: string): Iterable<WatchedGlob> {
    const exact = this.#globs.get(name);
    if (exact) yield exact;
    for (const watched of this.#wildcards) if (matches(watched.glob, name)) yield watched;
  }

  #scheduleNotify(watched: WatchedGlob): void {
    this.#changed.add(watched);
    if (this.#flushing) return;
    this.#flushing = true;
    // What one piece of the stream brings is one change.
    queueMicrotask(() => {
      this.#flushing = false;
      const changed = [...this.#changed];
      this.#changed.clear();
      for (const each of changed) this.#notify(each, [...each.listeners]);
    });
  }

  #notify(watched: WatchedGlob, listeners: readonly Listener[]): void {
    const { glob, snapshot: picture } = watched;
    if (picture === undefined) return;
    const snapshot = new Map(picture);
    // Of one name it is told that it is not there, with the position, so that it can be told from older answers.
    if (glob.isExact && snapshot.size === 0) snapshot.set(glob.text, absentResolution(this.#position));
    for (const listener of listeners) if (watched.listeners.has(listener)) listener.onSnapshot(snapshot);
  }
}

/**
 * A name as a picture with wildcards shows it: links as links. A link that is watched by its own name too is told once,
 * as what is behind it; a name that is reached only through a link further up is no entry at all.
 */
function toWildcardEntry(name: string, resolution: Resolution): Resolution | undefined {
  if (resolution.kind !== 'bound') return resolution;
  const { canonical = name, path = [] } = resolution;
  if (canonical === name) return resolution;
  const link = path.find((each) => each.name === name && each.kind === 'link');
  return link && { kind: 'link', target: canonical, guaranteedMs: link.guaranteedMs };
}
