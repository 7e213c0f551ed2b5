import type { Candidate } from '../core/candidate.js';
import type { LoadReport } from '../core/load-report.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { expiringPicker } from './expiring-picker.js';
import { multiplyWeights, slowStartFactors } from './slow-start.js';
import { subsetOf } from './subset.js';
import { relativeWeights } from './weights.js';

/**
 * For this time after the first report of an endpoint, in ms, its reports are ignored, because the figures in the first
 * reports are too low.
 */
const blackoutMs = 10_000;
const expiryMs = 180_000;
const updateIntervalMs = 1_000;
/** `error_utilization_penalty` of gRFC A58. */
const errorPenalty = 1;
/** A capacity is limited to between a tenth of the median and ten times the median. */
const maxDeviationFactor = 10;
/** Maximum utilization of a valid report. A higher utilization is probably in the wrong unit. */
const maxUtilization = 1_000;
const maxPerSecond = 1e9;

interface ReportHistory {
  report: LoadReport;
  /** Capacity from the last valid report, in calls per second. */
  weight: number;
  receivedAt: number;
  /** When the first report after the last gap arrived. A gap is a time of at least 3 min without a report. */
  unbrokenSince: number;
}

/**
 * Picks at random by static weight × reported capacity. The capacity is
 * `callsPerSecond / (utilization + errorsPerSecond / callsPerSecond)`. Example: of two servers at 50 % utilization,
 * the server that handles twice the calls gets twice the calls.
 *
 * - The reports of an endpoint are ignored until 10 s after its first report. After a gap of 3 min, the next report
 * is a first report again.
 * - An endpoint without a valid report gets the mean capacity. With fewer than two valid reports, only the static
 * weights decide.
 * - A capacity is limited to between a tenth of the median and ten times the median.
 * - An invalid report is ignored. The utilization must be above 0 and at most 1,000. The calls per second must be
 * above 0 and at most 10^9. The errors per second must be ≥ 0.
 * - Slow start applies.
 *
 * Calls in flight and latency are ignored: prefer `loadAware` for services that send no load reports. A pick takes
 * constant time. While calls arrive, the reports are read once per second.
 *
 * @see [gRFC A58](https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md) for
 * the figures; unlike gRPC, this policy limits capacities and draws at random
 * @see [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md) for the load reports
 * @see [C2.5](../../docs/guarantees.md#c2-5)
 */
export function weighted(): Policy {
  const histories = new WeakMap<Candidate, ReportHistory>();
  let lastTable: { readonly candidates: readonly Candidate[]; readonly weights: Float64Array } | undefined;
  let shares: ReadonlyMap<Candidate, number> | undefined;
  return {
    name: 'weighted',
    allowsTrial: () => true,
    describe(candidate) {
      shares ??= lastTable && sharesOf(lastTable.candidates, lastTable.weights);
      const share = shares?.get(candidate);
      return share === undefined ? undefined : `${String(Math.round(share * 100))} % of the calls`;
    },
    prepare(input: PickerInput) {
      const candidates = subsetOf(input);
      const count = candidates.length;
      if (count < 2) {
        const sole = candidates[0];
        return () => sole;
      }
      const staticWeights = relativeWeights(candidates);
      return expiringPicker((now) => {
        const weights = multiplyWeights(staticWeights, reportedWeights(candidates, histories, now));
        const { factors, expiresAt } = slowStartFactors(candidates, now, weights);
        const effectiveWeights = multiplyWeights(weights, factors) ?? new Float64Array(count).fill(1);
        lastTable = { candidates, weights: effectiveWeights };
        shares = undefined;
        const table = aliasTable(effectiveWeights);
        return {
          picker: ({ random }) => candidates[drawIndex(table, random())],
          expiresAt: Math.min(expiresAt, now + updateIntervalMs),
        };
      });
    },
  };
}

function sharesOf(candidates: readonly Candidate[], weights: Float64Array): ReadonlyMap<Candidate, number> {
  const totalWeight = weights.reduce((sum, weight) => sum + weight, 0);
  return new Map(candidates.map((one, i) => [one, (weights[i] as number) / totalWeight]));
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

function reportedWeights(
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
