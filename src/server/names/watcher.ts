/**
 * One open watch: what it is over, what it is being told, and where it stands. While it is told all that is there,
 * changes are held back and told behind it, each name once and as it is then.
 *
 * A position is given out only with the last event of a batch; whoever goes on from an earlier one is told some of it
 * again, and misses nothing.
 */
import { ClerkError } from '../../core/errors.js';
import { matches, parseGlob, type Glob } from '../../core/glob.js';
import { limits } from '../../wire/limits.js';
import type { WatchEvent } from '../../wire/messages.js';
import type { WatchOptions } from '../ports.js';

/** Events told in one go when everything is told. */
const slice = 128;

/** A name as a watch sees it: resolved, or as it is. */
export interface Sight {
  readonly name: string;
  readonly isPlain: boolean;
}

/** What a watch needs of the names. */
export interface Scenery {
  readonly revision: () => number;
  readonly incarnation: string;
  /** The present event of a name: a `put` or a `delete`. */
  readonly eventOf: (sight: Sight) => WatchEvent;
  /** All entries that a glob fits. */
  readonly fitting: (glob: Glob) => IterableIterator<string>;
  /** Watched names were added or taken away. */
  readonly follow: (name: string) => void;
  readonly unfollow: (name: string) => void;
  /** Calls back soon, never at once. */
  readonly soon: (callback: () => void) => void;
  readonly now: () => number;
}

interface Telling {
  readonly globs: readonly string[];
  readonly sights: Iterator<Sight>;
  /** What comes before the first of it. */
  readonly first: readonly WatchEvent[];
  /** Where the watch stands until all is told, and then. */
  readonly before: number;
  readonly after: number;
}

export class Watcher {
  readonly id: string;
  /** When it was told something last. */
  toldAt: number;
  readonly #options: WatchOptions;
  readonly #scenery: Scenery;
  readonly #wild = new Map<string, Glob>();
  readonly #plain = new Set<string>();
  readonly #tellings: Telling[] = [];
  /** Names whose changes wait until what is there was told: whether they are plain. */
  readonly #held = new Map<string, boolean>();
  #position = 0;
  #isTelling = false;
  #isClosed = false;

  constructor(options: WatchOptions, scenery: Scenery) {
    this.id = options.id;
    this.#options = options;
    this.#scenery = scenery;
    this.toldAt = scenery.now();
  }

  /** Begins: with what changed since, if that is known, else with everything. */
  open(changed: Iterable<Sight> | undefined): void {
    const added = this.#add(this.#options.globs);
    const { since } = this.#options;
    const { incarnation } = this.#scenery;
    const open: WatchEvent = {
      type: 'open',
      watch: this.id,
      resumed: changed !== undefined,
      heartbeatMs: limits.heartbeatMs,
      incarnation,
    };
    if (changed === undefined) {
      const reason = since?.incarnation === incarnation ? 'too much has changed' : 'the registry is another';
      this.#tellAll(since === undefined ? [open] : [open, { type: 'resync', reason }]);
      return;
    }
    for (const { name, isPlain } of changed) this.#held.set(name, isPlain);
    this.#position = Number(since?.revision);
    const globs = added.map(({ text }) => text);
    this.#tell({ globs, sights: this.#heldNow(), first: [open], before: this.#position, after: -1 });
  }

  /** Whether a name is watched through a glob. */
  fits(name: string): boolean {
    if (this.#plain.has(name)) return false;
    for (const glob of this.#wild.values()) if (matches(glob, name)) return true;
    return false;
  }

  /** Whether a name is watched as it is written. */
  names(name: string): boolean {
    return this.#plain.has(name);
  }

  /** Tells what a batch changed, in order. */
  changed(sights: readonly Sight[], events: readonly WatchEvent[], before: number, after: number): void {
    if (this.#isTelling) {
      for (const { name, isPlain } of sights) this.#held.set(name, isPlain);
      return;
    }
    for (const [index, event] of events.entries())
      this.#say(event, index === events.length - 1 ? after : Math.max(before, this.#position));
  }

  /** Adds and removes names and globs. */
  edit(add: readonly string[], remove: readonly string[]): void {
    const texts = new Set([...this.#wild.keys(), ...this.#plain].filter((text) => !remove.includes(text)));
    for (const text of add) texts.add(parseGlob(text).text);
    refuseOver(texts.size);
    for (const text of remove) {
      this.#wild.delete(text);
      if (this.#plain.delete(text)) this.#scenery.unfollow(text);
    }
    const added = this.#add(add);
    const position = (): number => this.#position;
    this.#tell({
      globs: add,
      sights: this.#sights(added),
      first: [],
      get before() {
        return position();
      },
      get after() {
        return position();
      },
    });
  }

  /** Tells everything again, after somebody lost track. */
  resync(reason: string): void {
    this.#tellings.length = 0;
    this.#held.clear();
    this.#tellAll([{ type: 'resync', reason }]);
  }

  heartbeat(): void {
    const { revision } = this.#scenery;
    this.#say({ type: 'heartbeat' }, this.#isTelling ? this.#position : revision());
  }

  close(): void {
    this.#isClosed = true;
    for (const name of this.#plain) this.#scenery.unfollow(name);
    this.#plain.clear();
    this.#wild.clear();
  }

  #add(texts: readonly string[]): readonly Glob[] {
    const globs = [...new Set(texts)].map((text) => parseGlob(text));
    refuseOver(globs.length);
    for (const glob of globs) {
      if (!glob.isPlain) this.#wild.set(glob.text, glob);
      else if (!this.#plain.has(glob.text)) {
        this.#plain.add(glob.text);
        this.#scenery.follow(glob.text);
      }
    }
    return globs;
  }

  #tellAll(first: readonly WatchEvent[]): void {
    const globs = [...this.#wild.keys(), ...this.#plain];
    this.#position = 0;
    const sights = this.#sights(globs.map((text) => parseGlob(text)));
    this.#tell({ globs, sights, first, before: 0, after: this.#scenery.revision() });
  }

  /** All that is there of some globs, each name once. */
  *#sights(globs: readonly Glob[]): IterableIterator<Sight> {
    for (const { text, isPlain } of globs) if (isPlain) yield { name: text, isPlain };
    const wild = globs.filter(({ isPlain }) => !isPlain);
    for (const [index, glob] of wild.entries())
      for (const name of this.#scenery.fitting(glob))
        if (!this.#plain.has(name) && !wild.slice(0, index).some((earlier) => matches(earlier, name)))
          yield { name, isPlain: false };
  }

  /** What was held back, as long as there is any. */
  *#heldNow(): IterableIterator<Sight> {
    for (const [name, isPlain] of this.#held) yield { name, isPlain };
  }

  #tell(telling: Telling): void {
    this.#tellings.push(telling);
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#scenery.soon(() => this.#go());
  }

  /** Tells one slice, and comes back for the next. */
  #go(): void {
    if (this.#isClosed) return;
    const telling = this.#tellings[0];
    if (telling === undefined) {
      this.#isTelling = false;
      return;
    }
    for (const event of (telling.first as WatchEvent[]).splice(0)) this.#say(event, telling.before);
    const isResumed = telling.after < 0;
    for (let i = 0; i < slice; i++) {
      const next = telling.sights.next();
      if (next.done === true) {
        if (this.#end(telling)) return;
        break;
      }
      this.#held.delete(next.value.name);
      const event = this.#scenery.eventOf(next.value);
      if (event.type === 'put' || isResumed) this.#say(event, telling.before);
    }
    this.#goOn();
  }

  #goOn(): void {
    if (this.#isClosed) return;
    const drained = this.#options.whenDrained?.();
    if (drained === undefined) this.#scenery.soon(() => this.#go());
    else void drained.then(() => this.#go());
  }

  /** One part is told; true when there is no other. */
  #end(telling: Telling): boolean {
    // A resync may have come in between.
    if (this.#tellings[0] !== telling) return false;
    this.#tellings.shift();
    const { globs, after } = telling;
    // With nothing held back, all that was told is what is there now.
    const isWhole = after < 0 || this.#held.size === 0;
    this.#say({ type: 'current', globs }, isWhole ? this.#scenery.revision() : after);
    if (this.#tellings.length > 0) return false;
    this.#isTelling = false;
    const sights = [...this.#heldNow()];
    this.#held.clear();
    const events = sights.map((sight) => this.#scenery.eventOf(sight));
    this.changed(sights, events, this.#position, this.#scenery.revision());
    return true;
  }

  #say(event: WatchEvent, position: number): void {
    if (this.#isClosed) return;
    this.#position = position;
    this.toldAt = this.#scenery.now();
    this.#options.onEvent(event, String(position));
  }
}

function refuseOver(count: number): void {
  if (count > limits.mostGlobs)
    throw new ClerkError(
      'LIMIT',
      `A watch is over ${limits.mostGlobs} names and globs at most, not ${count}`,
    );
}
