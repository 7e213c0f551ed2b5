/**
 * What a clerk watches, and what is there of it: whole pictures, put together from the changes that a stream tells. A
 * picture is handed out only once all of it was told; while it is told anew, the one before stands.
 */
import { matches, parseGlob, type Glob } from '../core/glob.js';
import type { Resolution, Snapshot } from '../core/registry.js';
import { absentOf } from './reference-answers.js';

/** Who wants to know. */
interface Listener {
  readonly onSnapshot: (snapshot: Snapshot) => void;
  readonly onError: ((error: unknown) => void) | undefined;
  /** Was told of the outage that is on. */
  told: boolean;
}

/** A place in the history of one server's names. */
export interface Position {
  readonly incarnation: string;
  readonly revision: string;
}

type Picture = Map<string, Resolution>;

/** One glob. */
interface Watched {
  readonly glob: Glob;
  readonly listeners: Set<Listener>;
  /** As it was last complete. */
  picture: Picture | undefined;
  /** What was told of it since it began to be told anew; undefined while the picture is kept up to date. */
  telling: Picture | undefined;
}

/** See the file's header. */
export class WatchedGlobs {
  readonly #all = new Map<string, Watched>();
  readonly #wild = new Set<Watched>();
  readonly #changed = new Set<Watched>();
  #position: Position = { incarnation: '', revision: '' };
  #flushing = false;

  get size(): number {
    return this.#all.size;
  }

  /** All globs, as they were written. */
  get texts(): Iterable<string> {
    return this.#all.keys();
  }

  /** Tells one watch of a glob from a later one of the same glob. */
  watchOf(text: string): object | undefined {
    return this.#all.get(text);
  }

  /** Whether the picture of a glob is complete and kept up to date. */
  isCurrent(text: string): boolean {
    const watched = this.#all.get(text);
    return watched?.picture !== undefined && watched.telling === undefined;
  }

  /** @throws a `ClerkError` `NAME_INVALID`. Returns what ends it. */
  add(text: string, onSnapshot: Listener['onSnapshot'], onError: Listener['onError']): () => void {
    const glob = parseGlob(text);
    let watched = this.#all.get(text);
    if (watched === undefined) {
      watched = { glob, listeners: new Set(), picture: undefined, telling: new Map() };
      this.#all.set(text, watched);
      if (!glob.isPlain) this.#wild.add(watched);
    }
    const mine = watched;
    const listener: Listener = { onSnapshot, onError, told: false };
    mine.listeners.add(listener);
    if (mine.picture !== undefined)
      queueMicrotask(() => {
        if (mine.listeners.has(listener)) this.#hand(mine, [listener]);
      });
    return () => {
      mine.listeners.delete(listener);
      if (mine.listeners.size > 0 || this.#all.get(text) !== mine) return;
      this.#all.delete(text);
      this.#wild.delete(mine);
      this.#changed.delete(mine);
    };
  }

  /** These are told anew from here on. */
  beginAnew(texts: Iterable<string>): void {
    for (const text of texts) {
      const watched = this.#all.get(text);
      if (watched) watched.telling = new Map();
    }
  }

  put(name: string, resolution: Resolution): void {
    if (resolution.kind === 'absent') {
      this.delete(name);
      return;
    }
    const plain = this.#all.get(name);
    if (plain && resolution.kind !== 'link') this.#set(plain, name, resolution);
    const itself = asItIs(name, resolution);
    if (itself === undefined) return;
    for (const watched of this.#wild) if (matches(watched.glob, name)) this.#set(watched, name, itself);
  }

  delete(name: string): void {
    for (const watched of this.#fitting(name)) {
      const was = (watched.telling ?? watched.picture)?.delete(name) === true;
      if (was && watched.telling === undefined) this.#change(watched);
    }
  }

  /** All of these was told. */
  complete(texts: Iterable<string>, position: Position): void {
    this.#position = position;
    for (const text of texts) {
      const watched = this.#all.get(text);
      if (watched?.telling === undefined) continue;
      watched.picture = watched.telling;
      watched.telling = undefined;
      for (const listener of watched.listeners) listener.told = false;
      this.#change(watched);
    }
  }

  /** What is told now is as of here. */
  moveTo(position: Position): void {
    this.#position = position;
  }

  /** Nothing can be told for now: everybody who was not told yet is. */
  fail(error: unknown): void {
    for (const { listeners } of this.#all.values())
      for (const listener of [...listeners]) {
        if (listener.told) continue;
        listener.told = true;
        listener.onError?.(error);
      }
  }

  /** It goes on: the next outage is told of again. */
  recovered(): void {
    for (const { listeners } of this.#all.values()) for (const listener of listeners) listener.told = false;
  }

  #set(watched: Watched, name: string, resolution: Resolution): void {
    (watched.telling ?? watched.picture)?.set(name, resolution);
    if (watched.telling === undefined) this.#change(watched);
  }

  /** The pictures that a name belongs in. */
  *#fitting(name: string): Iterable<Watched> {
    const plain = this.#all.get(name);
    if (plain) yield plain;
    for (const watched of this.#wild) if (matches(watched.glob, name)) yield watched;
  }

  #change(watched: Watched): void {
    this.#changed.add(watched);
    if (this.#flushing) return;
    this.#flushing = true;
    // What one piece of the stream brings is one change.
    queueMicrotask(() => {
      this.#flushing = false;
      const changed = [...this.#changed];
      this.#changed.clear();
      for (const each of changed) this.#hand(each, [...each.listeners]);
    });
  }

  #hand(watched: Watched, listeners: readonly Listener[]): void {
    const { glob, picture } = watched;
    if (picture === undefined) return;
    const snapshot = new Map(picture);
    // Of one name it is told that it is not there, with the position, so that it can be told from older answers.
    if (glob.isPlain && snapshot.size === 0) snapshot.set(glob.text, absentOf(this.#position));
    for (const listener of listeners) if (watched.listeners.has(listener)) listener.onSnapshot(snapshot);
  }
}

/**
 * A name as a picture with wildcards shows it: links as links. A link that is watched by its own name too is told once,
 * as what is behind it; a name that is reached only through a link further up is no entry at all.
 */
function asItIs(name: string, resolution: Resolution): Resolution | undefined {
  if (resolution.kind !== 'bound') return resolution;
  const { canonical = name, trail = [] } = resolution;
  if (canonical === name) return resolution;
  const arc = trail.find((each) => each.name === name && each.kind === 'link');
  return arc && { kind: 'link', target: canonical, promiseMs: arc.promiseMs };
}
