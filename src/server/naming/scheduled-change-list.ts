import type { Clock } from '../../core/clock.js';
import type { ScheduledChange } from '../../core/registry.js';
import type { Guarantees } from './guarantees.js';
import type { NamingState } from './state/naming-state.js';

/** Maximum number of scheduled changes in a status response. */
const maxListed = 100;

/** Returns the scheduled changes of entries in the form that clients see. */
export class ScheduledChangeList {
  readonly #state: NamingState;
  readonly #guarantees: Guarantees;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(state: NamingState, guarantees: Guarantees, clock: Pick<Clock, 'now'>) {
    this.#state = state;
    this.#guarantees = guarantees;
    this.#clock = clock;
  }

  /** Returns undefined for an entry without a scheduled change. */
  of(name: string): ScheduledChange | undefined {
    const pending = this.#state.entry(name)?.pending;
    if (pending === undefined || pending.kind === 'expire') return undefined;
    const until = this.#guarantees.frozenEntries().get(name) ?? Infinity;
    // A change that is being written applies at once.
    const waitMs = until === Infinity ? 0 : until - this.#clock.now();
    return { name, change: pending.kind, appliesInMs: Math.max(0, Math.ceil(waitMs)) };
  }

  /** Returns the next changes, in the order in which they apply. */
  next(): readonly ScheduledChange[] {
    const found: ScheduledChange[] = [];
    for (const name of this.#guarantees.frozenEntries().keys()) {
      const change = this.of(name);
      if (change !== undefined) found.push(change);
    }
    return found.sort((a, b) => a.appliesInMs - b.appliesInMs).slice(0, maxListed);
  }
}
