import type { BatchPosition } from '../../../core/journal/journal.js';
import { createdAtOf, type CallEntry } from './call-entries.js';

/** `open`: the call has begun or was interrupted. `done`: the record of the call can no longer change. */
export type CallState = 'open' | 'done';

const periodMs = 60_000;
/** A stored position is `file number * fileFactor + offset`. */
const fileFactor = 2 ** 32;

/**
 * Position of the latest entry of each call. Needs about 130 bytes of memory per call. Calls are grouped by the
 * minute of their creation, so that expired calls are found quickly.
 */
export class CallIndex {
  /** By minute, then by id. A negative position has the state `done`. */
  readonly #minutes = new Map<number, Map<string, number>>();
  readonly #newest = new Map<number, number>();
  #expiredBefore = 0;
  #lostBefore = 0;
  #size = 0;

  /** Number of stored calls. */
  get size(): number {
    return this.#size;
  }

  /** Calls created before this time (in ms since 1970) have expired. */
  get expiredBefore(): number {
    return this.#expiredBefore;
  }

  /** A call created before this time (in ms since 1970) may have run without a record. */
  get lostBefore(): number {
    return this.#lostBefore;
  }

  stateOf(id: string): CallState | undefined {
    const position = this.#minutes.get(minuteOf(id))?.get(id);
    if (position === undefined) return undefined;
    return position < 0 ? 'done' : 'open';
  }

  positionOf(id: string): BatchPosition | undefined {
    const stored = this.#minutes.get(minuteOf(id))?.get(id);
    if (stored === undefined) return undefined;
    const position = Math.abs(stored);
    return { number: Math.floor(position / fileFactor), offset: position % fileFactor };
  }

  apply(entry: CallEntry, { number, offset }: BatchPosition): void {
    if (entry.kind === 'lost') {
      this.#lostBefore = Math.max(this.#lostBefore, entry.before);
      // The entry is in file `number`, which stays until all calls that were created before `entry.before` expire.
      this.#newest.set(number, Math.max(this.#newest.get(number) ?? 0, entry.before));
      return;
    }
    if (entry.kind === 'expire') {
      this.#expiredBefore = Math.max(this.#expiredBefore, entry.before);
      return;
    }
    const { id, kind } = entry;
    this.#newest.set(number, Math.max(this.#newest.get(number) ?? 0, createdAtOf(id)));
    const minute = minuteOf(id);
    if (kind === 'withdraw') {
      if (this.#minutes.get(minute)?.delete(id) === true) this.#size--;
      return;
    }
    const calls = this.#minutes.get(minute) ?? new Map<string, number>();
    this.#minutes.set(minute, calls);
    const position = number * fileFactor + offset;
    if (!calls.has(id)) this.#size++;
    calls.set(id, kind === 'done' ? -position : position);
  }

  /**
   * Returns the lowest `expiredBefore` that expires every call created before `createdBefore`; undefined if there is
   * no such call.
   */
  expiryFor(createdBefore: number): number | undefined {
    let newest: number | undefined;
    for (const [, id] of this.#createdBefore(createdBefore)) newest = Math.max(newest ?? 0, createdAtOf(id));
    return newest === undefined ? undefined : newest + 1;
  }

  removeExpired(): void {
    for (const [calls, id] of this.#createdBefore(this.#expiredBefore)) if (calls.delete(id)) this.#size--;
    for (const [minute, calls] of this.#minutes) if (calls.size === 0) this.#minutes.delete(minute);
  }

  /** Returns the first file that contains an unexpired call, or `last`. */
  firstNeededFile(base: number, last: number): number {
    let number = base;
    while (number < last && (this.#newest.get(number) ?? 0) < this.#expiredBefore)
      this.#newest.delete(number++);
    return number;
  }

  *#createdBefore(time: number): IterableIterator<[Map<string, number>, string]> {
    for (const [minute, calls] of this.#minutes) {
      if (minute * periodMs >= time) continue;
      for (const id of calls.keys()) if (createdAtOf(id) < time) yield [calls, id];
    }
  }
}

function minuteOf(id: string): number {
  return Math.floor(createdAtOf(id) / periodMs);
}
