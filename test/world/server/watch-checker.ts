import { matches, parseGlob, type Glob } from '../../../src/core/glob.js';
import type { WatchEvent } from '../../../src/protocol/watch-messages.js';
import type { CoverageMark } from '../coverage.js';
import { linkState, absentState, type StoredState } from './stored-state.js';
import { describeResponse } from './server-checker.js';

export interface WatchCheckerOptions {
  readonly clientId: string;
  readonly stored: StoredState;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
}

/**
 * Checks the events of one client's watches against the durable state at the revision of each event. Nothing may be lost,
 * invented or reordered, and a gap needs a `resync`.
 *
 * @see [C1.7](../../../docs/guarantees.md#c1-7)
 */
export class WatchChecker {
  readonly #options: WatchCheckerOptions;
  readonly #stored: StoredState;
  /** The watched globs, and whether their snapshot is complete. */
  readonly #globs = new Map<string, { readonly glob: Glob; isCurrent: boolean }>();
  #received = new Map<string, string>();
  #incarnation = '';
  #history = 0;
  #revision = -1;
  /** Last event of the stream; a resumed stream may repeat events. */
  #last = '';

  constructor(options: WatchCheckerOptions) {
    this.#options = options;
    this.#stored = options.stored;
  }

  /** A stream is requested. */
  begin(globs: readonly string[]): void {
    for (const text of this.#globs.keys()) if (!globs.includes(text)) this.#globs.delete(text);
    this.edit(globs, []);
  }

  edit(add: readonly string[], remove: readonly string[]): void {
    for (const text of remove) this.#globs.delete(text);
    for (const text of add)
      if (!this.#globs.has(text)) this.#globs.set(text, { glob: parseGlob(text), isCurrent: false });
  }

  /** The history to which an event belongs that is sent now. */
  get history(): number {
    return this.#stored.history;
  }

  /** An event has arrived. */
  event(event: WatchEvent, incarnation: string, revision: string, history: number): void {
    const { clientId, violate, mark } = this.#options;
    if (event.type === 'open') {
      if (event.resumed) mark('watch-resumed');
      else this.#restart();
      this.#incarnation = incarnation;
      this.#history = history;
      this.#revision = -1;
      this.#last = '';
    }
    if (event.type === 'resync') {
      mark('watch-resynced');
      this.#restart();
      this.#incarnation = incarnation;
      this.#history = history;
      this.#revision = -1;
    }
    if (incarnation !== this.#incarnation || history !== this.#history)
      violate(
        'C1.7',
        `${clientId} receives ${incarnation} (history ${history}) in a stream of ${this.#incarnation} (${this.#history})`,
      );
    if (Number(revision) < this.#revision)
      violate('C1.7', `${clientId} receives revision ${revision} after ${this.#revision}`);
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
    // During a snapshot, revisions are only positions to resume from.
    if (event.type === 'current' || event.type === 'heartbeat' || this.#isCurrent()) this.#check();
  }

  /** Checks the final state, long after the last change. */
  checkFinalState(): void {
    const { clientId, violate } = this.#options;
    for (const [text, { glob, isCurrent }] of this.#globs)
      for (const name of this.#stored.names) {
        if (!isCurrent || !matches(glob, name)) continue;
        const isExact = glob.isExact;
        const now = this.#stored.statesSince(this.history, name, isExact, this.#stored.revision).at(-1);
        const received = this.#received.get(name) ?? absentState;
        if (received !== now)
          violate('C1.7', `${clientId} watches ${text} and has ${name} as ${received}, not ${String(now)}`);
      }
  }

  /** Checks that an event is not repeated directly within a stream. */
  #checkRepeated(name: string, what: string): void {
    const key = `${name} ${what}`;
    if (this.#isCurrent() && key === this.#last)
      this.#options.violate('C1.7', `${this.#options.clientId} receives ${name} twice: ${what}`);
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
        const states = this.#stored.statesSince(this.#history, name, glob.isExact, this.#revision);
        const received = this.#received.get(name) ?? absentState;
        if (!states.includes(received))
          violate(
            'C1.7',
            `${clientId} has ${name} as ${received} at revision ${this.#revision}; it was ${states.join(', then ')}`,
          );
      }
    }
  }
}
