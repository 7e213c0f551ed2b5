import type { Load } from '../../core/load-report.js';
import type { NameEntry, Registration } from './state/name-entry.js';

/** Smallest age, in ms, at which a cached lookup is built again to show new loads. */
export const loadRefreshMs = 2_000;

/**
 * Longest lease, in ms, of an endpoint whose load reports are used. An endpoint with a longer lease reports its load
 * less often than every 20 s, so the reported load would be stale.
 */
const maxLeaseMs = 60_000;
/** Smallest change of the utilization that counts as a new load. */
const minUtilizationChange = 0.05;
/**
 * A rate counts as a new load if the rate has changed by more than this fraction of the larger of the old and the new
 * rate. Rates below 1 per second count as 1 in this comparison.
 */
const minRateChange = 0.25;

/**
 * The loads that endpoints report with their renewals, in memory only. Lookups show loads. A new load causes no watch
 * event, because every client looks up each name every few seconds anyway. Small changes are ignored, so cached lookups
 * stay valid longer.
 */
export class LoadReports {
  readonly #loads = new WeakMap<Registration, Load>();
  readonly #versions = new WeakMap<NameEntry, number>();

  /**
   * Records the load that a renewal reports.
   *
   * @param load - undefined for a renewal without a load, which removes the recorded load
   */
  record(registration: Registration, load: Load | undefined): void {
    const usable = registration.leaseMs > maxLeaseMs ? undefined : load;
    if (!isSignificant(this.#loads.get(registration), usable)) return;
    if (usable === undefined) this.#loads.delete(registration);
    else this.#loads.set(registration, usable);
    this.#versions.set(registration.entry, this.versionOf(registration.entry) + 1);
  }

  /** Returns the last recorded load of an endpoint. */
  loadOf(registration: Registration): Load | undefined {
    return this.#loads.get(registration);
  }

  /**
   * Returns the version of the loads of a name. Every recorded load of an endpoint of that name increments the version.
   */
  versionOf(entry: NameEntry | undefined): number {
    return (entry && this.#versions.get(entry)) ?? 0;
  }
}

/** Returns the JSON of an endpoint with its load added. */
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
