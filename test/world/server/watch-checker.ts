/**
 * Follows what one client is told by its watches, stream after stream, and compares each step with what was safe at the
 * revision it claims: nothing lost, nothing invented, nothing out of order, and a gap only where one is told.
 *
 * @see promises C1.7
 */
import { matches, parseGlob, type Glob } from '../../../src/core/glob.js';
import type { WatchEvent } from '../../../src/protocol/messages.js';
import type { CoverageMark } from '../coverage.js';
import { linkState, absentState, type StoredState } from './stored-state.js';
import { describeResponse } from './server-checker.js';

export interface WatchCheckerOptions {
  readonly clientId: string;
  readonly stored: StoredState;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (promise: string, what: string) => void;
}

export class WatchChecker {
  readonly #options: WatchCheckerOptions;
  readonly #stored: StoredState;
  /** What is watched, and whether all that is there of it was told. */
  readonly #globs = new Map<string, { readonly glob: Glob; isCurrent: boolean }>();
  #received = new Map<string, string>();
  #incarnation = '';
  #revision = -1;
  /** The last event of the stream; a stream that goes on may tell some of it again. */
  #last = '';

  constructor(options: WatchCheckerOptions) {
    this.#options = options;
    this.#stored = options.stored;
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
    const { clientId, violate, mark } = this.#options;
    if (event.type === 'open') {
      if (event.resumed) mark('watch-resumed');
      else this.#restart();
      this.#incarnation = incarnation;
      this.#revision = -1;
      this.#last = '';
    }
    if (event.type === 'resync') {
      mark('watch-resynced');
      this.#restart();
      this.#revision = -1;
    }
    if (incarnation !== this.#incarnation)
      violate('C1.7', `${clientId} is told of ${incarnation} in a stream of ${this.#incarnation}`);
    if (Number(revision) < this.#revision)
      violate('C1.7', `${clientId} is led back from revision ${this.#revision} to ${revision}`);
    this.#revision = Number(revision);
    switch (event.type) {
      case 'put': {
        const { entry, name } = event;
        this.#checkRepeated(name, JSON.stringify(entry));
        this.#received.set(name, entry.kind === 'link' ? linkState(entry.target) : describeResponse(entry));
        break;
      }
      case 'delete':
        this.#checkRepeated(event.name, `${absentState} ${revision}`);
        this.#received.set(event.name, absentState);
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
    if (event.type === 'current' || event.type === 'heartbeat' || this.#isCurrent()) this.#check();
  }

  /** All that was told is what is there, long after the last change. */
  checkFinalState(): void {
    const { clientId, violate } = this.#options;
    for (const [text, { glob, isCurrent }] of this.#globs)
      for (const name of this.#stored.names) {
        if (!isCurrent || !matches(glob, name)) continue;
        const isPlain = glob.isExact;
        const now = this.#stored.statesSince(name, isPlain, this.#stored.revision).at(-1);
        const seen = this.#received.get(name) ?? absentState;
        if (seen !== now)
          violate(
            'C1.7',
            `${clientId} watches ${text} and still sees ${name} as ${seen}, not ${String(now)}`,
          );
      }
  }

  /** The same said twice within a stream, and nothing in between. */
  #checkRepeated(name: string, what: string): void {
    const key = `${name} ${what}`;
    if (this.#isCurrent() && key === this.#last)
      this.#options.violate('C1.7', `${this.#options.clientId} is told twice of ${name}: ${what}`);
    this.#last = key;
  }

  #isCurrent(): boolean {
    for (const { isCurrent } of this.#globs.values()) if (!isCurrent) return false;
    return true;
  }

  #restart(): void {
    for (const watched of this.#globs.values()) watched.isCurrent = false;
    this.#received = new Map();
  }

  #check(): void {
    const { clientId, violate } = this.#options;
    for (const { glob, isCurrent } of this.#globs.values()) {
      if (!isCurrent) continue;
      for (const name of this.#stored.names) {
        if (!matches(glob, name)) continue;
        const looks = this.#stored.statesSince(name, glob.isExact, this.#revision);
        const seen = this.#received.get(name) ?? absentState;
        if (!looks.includes(seen))
          violate(
            'C1.7',
            `${clientId} sees ${name} as ${seen} at revision ${this.#revision}; it was ${looks.join(', then ')}`,
          );
      }
    }
  }
}
