import type { Candidate } from '../core/candidate.js';
import type { LoadReport } from '../core/load-report.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { expiringPicker } from './expiring-picker.js';
import { multiplyWeights, slowStartFactors } from './slow-start.js';
import { subsetOf } from './subset.js';
import { relativeWeights } from './weights.js';

/** The first report of an endpoint is ignored for this long, since a cold server reports too low a capacity, in ms. */
const blackoutMs = 10_000;
/** A report without a successor expires after this long, in ms. */
const expiryMs = 180_000;
/** Interval for reading new reports while calls arrive, in ms. */
const updateIntervalMs = 1_000;
/** Weight of failed calls against successful ones. */
const errorPenalty = 1;
/** A capacity is limited to this many times the median, and to the median divided by it. */
const maxDeviationFactor = 10;
/** Higher values are rejected as errors in the unit. */
const maxUtilization = 1_000;
const maxPerSecond = 1e9;

/** The load reports of one endpoint so far. */
interface ReportHistory {
  report: LoadReport;
  /** Capacity of the last valid report. */
  weight: number;
  receivedAt: number;
  /** When the first report of an unbroken sequence arrived. */
  unbrokenSince: number;
}

/**
 * Picks at random by static weight × reported capacity. The capacity is `callsPerSecond / (utilization +
 * errorsPerSecond / callsPerSecond)`. A server at 50 % utilization with 100 calls per second has a capacity of 200.
 * One at 50 % with 50 calls per second has 100, and gets half as many calls.
 *
 * - The first report counts 10 s after it arrived. After 3 min without a report the next one is a first report again.
 * - An endpoint without a valid report gets the mean capacity. If fewer than two endpoints have one, the static
 *   weights decide alone; if these are equal or all 0, the shares are equal.
 * - A capacity is limited to between a tenth of the median and ten times it; of two middle values the lower one is
 *   the median. So an endpoint that reports too much does not get all calls, and one that reports too little still
 *   gets some.
 * - A new report replaces the previous one, unless it is invalid. Valid are: utilization above 0 and at most 1,000;
 *   calls per second above 0 and at most 10^9; errors per second ≥ 0 and finite; a time that is not in the future.
 *   More errors than calls count as all calls.
 * - Slow start applies.
 *
 * Calls in flight and latency are ignored: prefer `loadAware` if reports are missing. A pick takes constant time and
 * one random number. Reports are read once per second while calls arrive, in time proportional to the number of
 * endpoints.
 *
 * Differs from gRPC in that it draws at random instead of using an earliest-deadline-first queue, so that clients do
 * not move in step, and in the limits around the median.
 *
 * @see [gRFC A58](https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md) for
 * the figures
 * @see [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md) for the load reports
 * @see [C2.5](../../docs/guarantees.md#c2-5)
 */
export function weighted(): Policy {
  // Survives changes of the candidates. An instance that registers again is a new candidate without a history.
  const histories = new WeakMap<Candidate, ReportHistory>();
  /** Input of the last alias table, for `describe`. */
  let lastTable: { readonly candidates: readonly Candidate[]; readonly weights: Float64Array } | undefined;
  let shares: ReadonlyMap<Candidate, number> | undefined;
  return {
    name: 'weighted',
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

/**
 * The capacity that a report implies, in calls per second; 0 when the report is invalid.
 */
export function capacityOf({ utilization, callsPerSecond, errorsPerSecond }: LoadReport): number {
  // NaN fails every comparison.
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

/** Limits the capacities around their median and replaces 0 by the mean; undefined when fewer than two are known. */
export function clampToMedian(capacities: Float64Array): Float64Array | undefined {
  const known = capacities.filter((capacity) => capacity > 0).sort();
  if (known.length < 2) return undefined;
  // The lower of two middle values, so that of two endpoints the one that reports more is limited.
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

/** The history of a candidate, including its newest report. */
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
