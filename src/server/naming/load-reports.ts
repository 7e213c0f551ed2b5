/**
 * What registrations say of their loads: kept beside them in memory alone, since it is worth nothing a minute later, and
 * handed out with look-ups alone. A watch that were told of each report would be a storm, and every clerk that uses a name
 * looks it up every few seconds anyhow. So that look-ups go on being answered with a text that was made before, what is
 * hardly new is not taken, and an answer is not made again for loads more often than every other second.
 */
import type { Load } from '../../core/load-report.js';
import type { NameEntry, Registration } from './state/name-entry.js';

/** An answer shows loads that are not older than this, in ms, besides the age that they have by coming with renewals. */
export const loadRefreshMs = 2_000;

/** Who renews further apart than every 20 s says nothing that is still true when somebody is told, in ms of lease. */
const maxLeaseMs = 60_000;
/** A utilization that has moved by less is not new. */
const minUtilizationChange = 0.05;
/** Nor is a rate that has moved by less than this share of itself. */
const minRateChange = 0.25;

/** See the file's header. */
export class LoadReports {
  readonly #loads = new WeakMap<Registration, Load>();
  readonly #versions = new WeakMap<NameEntry, number>();

  /** Takes what came with a renewal. */
  record(registration: Registration, load: Load | undefined): void {
    const said = registration.leaseMs > maxLeaseMs ? undefined : load;
    if (!isSignificant(this.#loads.get(registration), said)) return;
    if (said === undefined) this.#loads.delete(registration);
    else this.#loads.set(registration, said);
    this.#versions.set(registration.entry, this.versionOf(registration.entry) + 1);
  }

  /** What a registration said, the last time that it was anything new. */
  loadOf(registration: Registration): Load | undefined {
    return this.#loads.get(registration);
  }

  /** How often something new was said at a name. */
  versionOf(place: NameEntry | undefined): number {
    return (place && this.#versions.get(place)) ?? 0;
  }
}

/** What look-ups show of an endpoint, with its load behind it. */
export function withLoad(endpointJson: string, load: Load | undefined): string {
  return load === undefined ? endpointJson : `${endpointJson.slice(0, -1)},"load":${JSON.stringify(load)}}`;
}

function isSignificant(before: Load | undefined, now: Load | undefined): boolean {
  if (before === undefined || now === undefined) return before !== now;
  return (
    Math.abs(now.utilization - before.utilization) >= minUtilizationChange ||
    rateChanged(before.callsPerSecond, now.callsPerSecond) ||
    rateChanged(before.errorsPerSecond, now.errorsPerSecond)
  );
}

function rateChanged(before: number, now: number): boolean {
  return Math.abs(now - before) > minRateChange * Math.max(before, now, 1);
}
