import type { Load } from '../../core/load-report.js';
import type { NameEntry, Registration } from './state/name-entry.js';

/** Maximum age of a cached lookup when only loads have changed, in ms. */
export const loadRefreshMs = 2_000;

/** Maximum lease with which the load of an endpoint is used, in ms. With a longer lease, renewals are too rare. */
const maxLeaseMs = 60_000;
const minUtilizationChange = 0.05;
/**
 * Smallest change of a rate that counts as a new load, as a share of the larger rate. A rate below 1/s counts as 1/s.
 */
const minRateChange = 0.25;

/**
 * The loads that endpoints report with renewals, in memory only. A new load causes no watch event, because clients
 * look names up every few seconds. Small changes are ignored, so cached lookups stay valid longer.
 */
export class LoadReports {
  readonly #loads = new WeakMap<Registration, Load>();
  readonly #versions = new WeakMap<NameEntry, number>();

  record(registration: Registration, load: Load | undefined): void {
    const usable = registration.leaseMs > maxLeaseMs ? undefined : load;
    if (!isSignificant(this.#loads.get(registration), usable)) return;
    if (usable === undefined) this.#loads.delete(registration);
    else this.#loads.set(registration, usable);
    this.#versions.set(registration.entry, this.versionOf(registration.entry) + 1);
  }

  loadOf(registration: Registration): Load | undefined {
    return this.#loads.get(registration);
  }

  versionOf(entry: NameEntry | undefined): number {
    return (entry && this.#versions.get(entry)) ?? 0;
  }
}

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
