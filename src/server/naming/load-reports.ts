import type { Load } from '../../core/load-report.js';
import type { NameEntry, Registration } from './state/name-entry.js';

/** A cached lookup is rebuilt for new loads when it is older than this, ms. */
export const loadRefreshMs = 2_000;

/** Loads of endpoints with longer leases are ignored, ms. They renew at most every 20 s, so their loads are stale. */
const maxLeaseMs = 60_000;
/** A smaller change of the utilization is ignored. */
const minUtilizationChange = 0.05;
/** A smaller change of a rate, relative to the rate, is ignored. */
const minRateChange = 0.25;

/**
 * The loads that endpoints report with their renewals. They are kept in memory only, and shown by lookups but not by
 * watches: every client looks a name up every few seconds anyway. Small changes are ignored, so that cached lookups
 * stay valid longer.
 */
export class LoadReports {
  readonly #loads = new WeakMap<Registration, Load>();
  readonly #versions = new WeakMap<NameEntry, number>();

  /** Records the load of a renewal; undefined for a renewal without one. */
  record(registration: Registration, load: Load | undefined): void {
    const usable = registration.leaseMs > maxLeaseMs ? undefined : load;
    if (!isSignificant(this.#loads.get(registration), usable)) return;
    if (usable === undefined) this.#loads.delete(registration);
    else this.#loads.set(registration, usable);
    this.#versions.set(registration.entry, this.versionOf(registration.entry) + 1);
  }

  /** The last recorded load of an endpoint. */
  loadOf(registration: Registration): Load | undefined {
    return this.#loads.get(registration);
  }

  /** Incremented by every recorded load of a name. */
  versionOf(entry: NameEntry | undefined): number {
    return (entry && this.#versions.get(entry)) ?? 0;
  }
}

/** Adds a load to the JSON of an endpoint. */
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
