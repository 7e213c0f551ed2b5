/**
 * Where changes become events for those who watch. A batch is told once it is durable, each name once and as it is
 * then. Within one incarnation no watch misses a change; after a gap it begins anew and says so.
 *
 * @see promises C1.7
 */
import type { Clock, Timer } from '../../core/clock.js';
import type { Glob } from '../../core/glob.js';
import { limits } from '../../wire/limits.js';
import type { ResolveReply, WatchEntry, WatchEvent } from '../../wire/messages.js';
import type { WatchOptions, Watching } from '../ports.js';
import type { Answers, Position } from './answers.js';
import { namesFitting } from './listing.js';
import { PlainNames } from './plain-names.js';
import type { Promises } from './promises.js';
import { Ring } from './ring.js';
import type { Tables } from './tables.js';
import { Watcher, type Scenery, type Sight } from './watcher.js';

/** How often it is looked for watches that were told nothing for a heartbeat, in ms. */
const pulseMs = limits.heartbeatMs / 5;

/** What the hub looks at. */
export interface Watched {
  readonly tables: Tables;
  readonly answers: Answers;
  readonly promises: Promises;
  readonly position: Position;
  readonly clock: Clock;
}

/** All open watches. */
export class Hub {
  readonly #world: Watched;
  readonly #watchers = new Set<Watcher>();
  readonly #plain: PlainNames<Watcher>;
  readonly #ring: Ring;
  #pulse: Timer | undefined;

  constructor(world: Watched) {
    this.#world = world;
    this.#plain = new PlainNames<Watcher>(world.tables, (name) => world.answers.stamp(name));
    this.#ring = new Ring(world.position.revision);
  }

  /** Open watches. */
  get size(): number {
    return this.#watchers.size;
  }

  /** Opens a watch. @throws ClerkError `NAME_INVALID`, `LIMIT` */
  open(options: WatchOptions): Watching {
    const watcher: Watcher = new Watcher(
      options,
      this.#scenery(() => watcher),
    );
    watcher.open(this.#since(options, watcher));
    this.#watchers.add(watcher);
    this.#beat();
    return {
      edit: (add, remove) => watcher.edit(add, remove),
      resync: (reason) => watcher.resync(reason),
      close: () => {
        if (!this.#watchers.delete(watcher)) return;
        watcher.close();
        this.#beat();
      },
    };
  }

  /**
   * Tells of a batch that is durable.
   *
   * @param touched - names whose entries or endpoints changed, and identifiers of directories that did
   * @param before - the revision before the batch; behind it is the present one
   */
  tell(touched: ReadonlySet<string>, before: number): void {
    const { revision } = this.#world.position;
    this.#ring.add(touched, revision);
    if (this.#watchers.size === 0) return;
    const events = new Map<string, WatchEvent>();
    const eventOf = (sight: Sight): WatchEvent => {
      const key = `${sight.isPlain ? '=' : '~'}${sight.name}`;
      let event = events.get(key);
      if (event === undefined) events.set(key, (event = this.#eventOf(sight)));
      return event;
    };
    const plain = this.#plain.changed(touched);
    for (const watcher of [...this.#watchers]) {
      const sights: Sight[] = [];
      for (const name of touched)
        if (!name.startsWith('/#') && watcher.fits(name)) sights.push({ name, isPlain: false });
      for (const [name, watchers] of plain) if (watchers.has(watcher)) sights.push({ name, isPlain: true });
      if (sights.length > 0) watcher.changed(sights, sights.map(eventOf), before, revision);
    }
  }

  /** Ends all watches. */
  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.clear();
    this.#beat();
  }

  /** What a watch that goes on has to be told, in the order of names; undefined when it has to begin anew. */
  #since({ since, globs }: WatchOptions, watcher: Watcher): Iterable<Sight> | undefined {
    const { incarnation, revision } = this.#world.position;
    if (since?.incarnation !== incarnation || !/^[0-9]{1,15}$/.test(since.revision)) return undefined;
    const from = Number(since.revision);
    const names = from > revision ? undefined : this.#ring.since(from);
    if (names === undefined) return undefined;
    const follow = [...this.#plain.wouldTouch(names, globs)].map((name) => ({ name, isPlain: true }));
    const fitting = function* (): IterableIterator<Sight> {
      yield* follow;
      for (const name of names)
        if (!name.startsWith('/#') && watcher.fits(name)) yield { name, isPlain: false };
    };
    return { [Symbol.iterator]: fitting };
  }

  #scenery(watcher: () => Watcher): Scenery {
    const { position, tables, clock } = this.#world;
    return {
      incarnation: position.incarnation,
      revision: () => position.revision,
      eventOf: (sight) => this.#eventOf(sight),
      fitting: (glob: Glob) => namesFitting(tables, glob),
      follow: (name) => this.#plain.add(name, watcher()),
      unfollow: (name) => this.#plain.delete(name, watcher()),
      soon: (callback) => clock.afterArrivals(callback),
      now: () => clock.now(),
    };
  }

  #eventOf({ name, isPlain }: Sight): WatchEvent {
    const entry = this.#entryOf(name, isPlain);
    return entry === undefined ? { type: 'delete', name } : { type: 'put', name, entry };
  }

  #entryOf(name: string, isPlain: boolean): WatchEntry | undefined {
    const { tables, answers, promises, position, clock } = this.#world;
    const place = tables.places.get(name);
    if (isPlain || place?.record.kind !== 'link') {
      if (!isPlain && place === undefined) return undefined;
      const text = answers.text(name);
      return text === undefined ? undefined : (JSON.parse(text) as ResolveReply);
    }
    promises.give(place, clock.now());
    return {
      kind: 'link',
      name,
      target: place.record.target,
      promiseMs: promises.promised(place),
      revision: String(position.revision),
      incarnation: position.incarnation,
    };
  }

  /** One timer for the heartbeats of all. */
  #beat(): void {
    if (this.#watchers.size === 0) {
      this.#pulse?.cancel();
      this.#pulse = undefined;
      return;
    }
    this.#pulse ??= this.#nextPulse();
  }

  #nextPulse(): Timer {
    const timer = this.#world.clock.setTimer(() => {
      const now = this.#world.clock.now();
      for (const watcher of [...this.#watchers])
        if (now - watcher.toldAt >= limits.heartbeatMs) watcher.heartbeat();
      this.#pulse = undefined;
      this.#beat();
    }, pulseMs);
    timer.setRef(false);
    return timer;
  }
}
