import type { Candidate } from '../core/candidate.js';
import type { LoadReport } from '../core/load-report.js';

/**
 * For this time after the first report of an endpoint, in ms, its reports are ignored, because the figures in the first
 * reports are too low.
 */
const blackoutMs = 10_000;
const expiryMs = 180_000;
/** `error_utilization_penalty` of gRFC A58. */
const errorPenalty = 1;
/** A capacity is limited to between a tenth of the median and ten times the median. */
const maxDeviationFactor = 10;
/** Maximum utilization of a valid report. A higher utilization is probably in the wrong unit. */
const maxUtilization = 1_000;
const maxPerSecond = 1e9;

export interface ReportHistory {
  report: LoadReport;
  /** Capacity from the last valid report, in calls per second. */
  weight: number;
  receivedAt: number;
  /** When the first report after the last gap arrived. A gap is a time of at least 3 min without a report. */
  unbrokenSince: number;
}

/** Returns the capacity in calls per second; 0 for an invalid report. */
export function capacityOf({ utilization, callsPerSecond, errorsPerSecond }: LoadReport): number {
  // NaN fails every comparison, so a report with NaN is invalid.
  const isUsable =
    utilization > 0 &&
    utilization <= maxUtilization &&
    callsPerSecond > 0 &&
    callsPerSecond <= maxPerSecond &&
    errorsPerSecond >= 0 &&
    errorsPerSecond < Infinity;
  if (!isUsable) return 0;
  return callsPerSecond / (utilization + Math.min(1, errorsPerSecond / callsPerSecond) * errorPenalty);
}

/**
 * Limits the capacities to a range around their median. A capacity of 0 is unknown, and becomes the mean. Returns
 * undefined when fewer than two capacities are known.
 */
export function clampToMedian(capacities: Float64Array): Float64Array | undefined {
  const known = capacities.filter((capacity) => capacity > 0).sort();
  if (known.length < 2) return undefined;
  // The lower of two middle values is the median. With two endpoints, only the higher capacity can therefore be
  // limited.
  const median = known[(known.length - 1) >> 1] as number;
  const clamp = (capacity: number): number =>
    Math.min(median * maxDeviationFactor, Math.max(median / maxDeviationFactor, capacity));
  const mean = known.reduce((sum, capacity) => sum + clamp(capacity), 0) / known.length;
  return capacities.map((capacity) => (capacity > 0 ? clamp(capacity) : mean));
}

/**
 * Returns a weight per candidate: its reported capacity, limited around the median. Undefined if fewer than two
 * capacities are known.
 *
 * @param histories - is updated with the reports that have arrived
 */
export function reportedWeights(
  candidates: readonly Candidate[],
  histories: WeakMap<Candidate, ReportHistory>,
  now: number,
): Float64Array | undefined {
  return clampToMedian(
    Float64Array.from(candidates, (candidate) => {
      const history = updateHistory(candidate, histories, now);
      if (history === undefined || now - history.receivedAt >= expiryMs) return 0;
      return now - history.unbrokenSince < blackoutMs ? 0 : history.weight;
    }),
  );
}

function updateHistory(
  candidate: Candidate,
  histories: WeakMap<Candidate, ReportHistory>,
  now: number,
): ReportHistory | undefined {
  const { loadReport } = candidate;
  const history = histories.get(candidate);
  if (loadReport === undefined || loadReport === history?.report || !(loadReport.receivedAt <= now))
    return history;
  const weight = capacityOf(loadReport);
  if (weight === 0) return history;
  const { receivedAt } = loadReport;
  if (history === undefined) {
    const first = { report: loadReport, weight, receivedAt, unbrokenSince: receivedAt };
    histories.set(candidate, first);
    return first;
  }
  if (receivedAt - history.receivedAt >= expiryMs) history.unbrokenSince = receivedAt;
  return Object.assign(history, { report: loadReport, weight, receivedAt });
}
