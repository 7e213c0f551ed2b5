/**
 * What registrations say of their loads: kept beside them in memory alone, since it is worth nothing a minute later, and
 * handed out with look-ups alone. A watch that were told of each report would be a storm, and every clerk that uses a name
 * looks it up every few seconds anyhow. So that look-ups go on being answered with a text that was made before, what is
 * hardly new is not taken, and an answer is not made again for loads more often than every other second.
 */
import type { Load } from '../../core/load-report.js';
import type { Place, Registration } from './place.js';

/** An answer shows loads that are not older than this, in ms, besides the age that they have by coming with renewals. */
export const shownMs = 2_000;

/** Who renews further apart than every 20 s says nothing that is still true when somebody is told, in ms of lease. */
const mostLeaseMs = 60_000;
/** A utilization that has moved by less is not new. */
const leastStep = 0.05;
/** Nor is a rate that has moved by less than this share of itself. */
const leastShare = 0.25;

/** See the file's header. */
export class Loads {
  readonly #said = new WeakMap<Registration, Load>();
  readonly #counts = new WeakMap<Place, number>();

  /** Takes what came with a renewal. */
  note(registration: Registration, load: Load | undefined): void {
    const said = registration.leaseMs > mostLeaseMs ? undefined : load;
    if (!isNew(this.#said.get(registration), said)) return;
    if (said === undefined) this.#said.delete(registration);
    else this.#said.set(registration, said);
    this.#counts.set(registration.place, this.count(registration.place) + 1);
  }

  /** What a registration said, the last time that it was anything new. */
  of(registration: Registration): Load | undefined {
    return this.#said.get(registration);
  }

  /** How often something new was said at a name. */
  count(place: Place | undefined): number {
    return (place && this.#counts.get(place)) ?? 0;
  }
}

/** What look-ups show of an endpoint, with its load behind it. */
export function withLoad(shown: string, load: Load | undefined): string {
  return load === undefined ? shown : `${shown.slice(0, -1)},"load":${JSON.stringify(load)}}`;
}

function isNew(before: Load | undefined, now: Load | undefined): boolean {
  if (before === undefined || now === undefined) return before !== now;
  return (
    Math.abs(now.utilization - before.utilization) >= leastStep ||
    hasMoved(before.callsPerSecond, now.callsPerSecond) ||
    hasMoved(before.errorsPerSecond, now.errorsPerSecond)
  );
}

function hasMoved(before: number, now: number): boolean {
  return Math.abs(now - before) > leastShare * Math.max(before, now, 1);
}
