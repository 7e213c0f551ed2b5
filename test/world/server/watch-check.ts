/**
 * Follows what one client is told by its watches, stream after stream, and compares each step with what was safe at the
 * revision it claims: nothing lost, nothing invented, nothing out of order, and a gap only where one is told.
 *
 * @see promises C1.7
 */
import { matches, parseGlob, type Glob } from '../../../src/core/glob.js';
import type { WatchEvent } from '../../../src/wire/messages.js';
import type { Mark } from '../marks.js';
import { linkLook, nothing, type Picture } from './picture.js';
import { lookOf } from './ledger.js';

export interface WatchCheckOptions {
  readonly who: string;
  readonly picture: Picture;
  readonly mark: (mark: Mark) => void;
  readonly violate: (promise: string, what: string) => void;
}

export class WatchCheck {
  readonly #options: WatchCheckOptions;
  readonly #picture: Picture;
  /** What is watched, and whether all that is there of it was told. */
  readonly #globs = new Map<string, { readonly glob: Glob; isCurrent: boolean }>();
  #seen = new Map<string, string>();
  #incarnation = '';
  #revision = -1;
  /** The last event of the stream; a stream that goes on may tell some of it again. */
  #last = '';

  constructor(options: WatchCheckOptions) {
    this.#options = options;
    this.#picture = options.picture;
  }

  /** A stream is asked for. */
  begin(globs: readonly string[]): void {
    for (const text of this.#globs.keys()) if (!globs.includes(text)) this.#globs.delete(text);
    this.edit(globs, []);
  }

  edit(add: readonly string[], remove: readonly string[]): void {
    for (const text of remove) this.#globs.delete(text);
    for (const text of add)
      if (!this.#globs.has(text)) this.#globs.set(text, { glob: parseGlob(text), isCurrent: false });
  }

  /** An event arrives. */
  event(event: WatchEvent, incarnation: string, revision: string): void {
    const { who, violate, mark } = this.#options;
    if (event.type === 'open') {
      if (event.resumed) mark('watch-resumed');
      else this.#beginAnew();
      this.#incarnation = incarnation;
      this.#revision = -1;
      this.#last = '';
    }
    if (event.type === 'resync') {
      mark('watch-resynced');
      this.#beginAnew();
      this.#revision = -1;
    }
    if (incarnation !== this.#incarnation)
      violate('C1.7', `${who} is told of ${incarnation} in a stream of ${this.#incarnation}`);
    if (Number(revision) < this.#revision)
      violate('C1.7', `${who} is led back from revision ${this.#revision} to ${revision}`);
    this.#revision = Number(revision);
    switch (event.type) {
      case 'put': {
        const { entry, name } = event;
        this.#repeated(name, JSON.stringify(entry));
        this.#seen.set(name, entry.kind === 'link' ? linkLook(entry.target) : lookOf(entry));
        break;
      }
      case 'delete':
        this.#repeated(event.name, `${nothing} ${revision}`);
        this.#seen.set(event.name, nothing);
        break;
      case 'current':
        for (const text of event.globs) {
          const watched = this.#globs.get(text);
          if (watched) watched.isCurrent = true;
        }
        break;
      case 'open':
      case 'resync':
      case 'heartbeat':
    }
    // Positions of what is told in between say only from where to go on.
    if (event.type === 'current' || event.type === 'heartbeat' || this.#isWhole()) this.#check();
  }

  /** All that was told is what is there, long after the last change. */
  atRest(): void {
    const { who, violate } = this.#options;
    for (const [text, { glob, isCurrent }] of this.#globs)
      for (const name of this.#picture.names) {
        if (!isCurrent || !matches(glob, name)) continue;
        const isPlain = glob.isPlain;
        const now = this.#picture.since(name, isPlain, this.#picture.revision).at(-1);
        const seen = this.#seen.get(name) ?? nothing;
        if (seen !== now)
          violate('C1.7', `${who} watches ${text} and still sees ${name} as ${seen}, not ${String(now)}`);
      }
  }

  /** The same said twice within a stream, and nothing in between. */
  #repeated(name: string, what: string): void {
    const key = `${name} ${what}`;
    if (this.#isWhole() && key === this.#last)
      this.#options.violate('C1.7', `${this.#options.who} is told twice of ${name}: ${what}`);
    this.#last = key;
  }

  #isWhole(): boolean {
    for (const { isCurrent } of this.#globs.values()) if (!isCurrent) return false;
    return true;
  }

  #beginAnew(): void {
    for (const watched of this.#globs.values()) watched.isCurrent = false;
    this.#seen = new Map();
  }

  #check(): void {
    const { who, violate } = this.#options;
    for (const { glob, isCurrent } of this.#globs.values()) {
      if (!isCurrent) continue;
      for (const name of this.#picture.names) {
        if (!matches(glob, name)) continue;
        const looks = this.#picture.since(name, glob.isPlain, this.#revision);
        const seen = this.#seen.get(name) ?? nothing;
        if (!looks.includes(seen))
          violate(
            'C1.7',
            `${who} sees ${name} as ${seen} at revision ${this.#revision}; it was ${looks.join(', then ')}`,
          );
      }
    }
  }
}
