/**
 * The calls that this process has in hand: it asks for them at this moment, or runs them, until their end is written or
 * could not be. A store that calls one running which nobody here has in hand is not to be believed: a write of its
 * beginning failed and was done nevertheless, or one of its end was not done.
 */
import type { CallStore } from '../../core/call-store.js';

interface Held {
  readonly bornAt: number;
  /** Questions to the store that are not answered. */
  asked: number;
  runs: number;
  /** Whether it has run since it is held: an answer of the store may be from that time. */
  hasRun: boolean;
}

/** See the file's header. */
export class InHand {
  readonly #held = new Map<string, Held>();

  /** The store is asked for a call; `told` must follow. */
  asked(id: string, bornAt: number): void {
    const held = this.#held.get(id);
    if (held === undefined) this.#held.set(id, { bornAt, asked: 1, runs: 0, hasRun: false });
    else held.asked++;
  }

  /**
   * It has answered, or failed.
   *
   * @param isNew - the call runs from now on; `over` must follow
   * @returns whether somebody else had the call in hand while the store was asked, as far as is known
   */
  told(id: string, isNew: boolean): boolean {
    const held = this.#held.get(id);
    if (held === undefined) return false;
    held.asked--;
    const isHeld = held.asked > 0 || held.hasRun;
    if (isNew) {
      held.runs++;
      held.hasRun = true;
    }
    this.#drop(id, held);
    return isHeld;
  }

  /** A run of it is over, and what was to be written of that is written or failed. */
  over(id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    held.runs--;
    this.#drop(id, held);
  }

  /** Lets go of runs that were born before an instant: their ids are refused by age, and some never end. */
  forget(bornBefore: number): void {
    for (const [id, held] of this.#held) {
      if (held.bornAt >= bornBefore) continue;
      held.runs = 0;
      this.#drop(id, held);
    }
  }

  #drop(id: string, { asked, runs }: Held): void {
    if (asked === 0 && runs <= 0) this.#held.delete(id);
  }
}

const byStore = new WeakMap<CallStore, InHand>();

/** What is in hand of a store, for all who use it in this process. */
export function inHandOf(store: CallStore): InHand {
  const known = byStore.get(store);
  if (known !== undefined) return known;
  const made = new InHand();
  byStore.set(store, made);
  return made;
}
