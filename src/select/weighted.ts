/** Chooses by what each endpoint can do, as it says itself: its weight times what it reports of its load. */
import type { Candidate } from '../core/candidate.js';
import type { LoadReport } from '../core/load-report.js';
import type { Policy, PickerInput } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { subsetOf } from './subset.js';
import { expiringPicker } from './expiring-picker.js';
import { multiplyWeights, slowStartFactors } from './slow-start.js';
import { relativeWeights } from './weights.js';

/** A first report counts after so long, in ms: what a cold server says of its load is not yet true. */
const blackoutMs = 10_000;
/** A report that is not followed by another counts for so long, in ms. */
const expiryMs = 180_000;
/** Reports are looked at so often, in ms, while calls arrive. */
const updateIntervalMs = 1_000;
/** What a failed call weighs against one that was answered. */
const errorPenalty = 1;
/** No report moves a weight further than so many times from the middle one of all. */
const maxDeviationFactor = 10;
/** What is above these is a mistake in the unit, and no measure. */
const maxUtilization = 1_000;
const maxPerSecond = 1e9;

/** What one endpoint has reported so far. */
interface ReportHistory {
  report: LoadReport;
  /** Of the last report that could be used. */
  weight: number;
  receivedAt: number;
  /** When the first of an unbroken row of reports came. */
  unbrokenSince: number;
}

/**
 * Random choice by static weight times reported capacity: `callsPerSecond / (utilization + errorsPerSecond /
 * callsPerSecond)`, calls answered for each part of the server in use. A server at half its strength with 100 calls a
 * second could do 200; one as busy with 50 could do 100, and gets half as many.
 *
 * - A first report counts 10 s after it came, and after a silence of 3 min begins anew.
 * - An endpoint without a report that counts gets the mean of those with one; where fewer than two have one, the static
 *   weights decide alone, and where these are equal or all 0, everybody is equal.
 * - No report moves a weight further than ten times from the median (the lower middle one): an endpoint that claims too much does not get all
 *   calls, and one that claims too little still gets some, or nothing newer would be heard of it.
 * - What is newer replaces what was said before, unless it cannot be used. Ignored are: a utilization of 0 (idle: it has
 *   nothing to tell of its strength, and would weigh infinitely), below 0, above 1,000, NaN or infinite; calls a second
 *   of 0 (the same), below 0, above 10^9, NaN or infinite; errors below 0, NaN or infinite; and a report from the future
 *   (its time is of another clock). More errors than calls count as all calls.
 * - Newcomers start slowly.
 *
 * Calls in flight and latency do not count: where reports are missing, prefer `loadAware`. Constant time and one random
 * number a pick. Reports are looked at once a second, while calls arrive, in time proportional to the number of
 * endpoints. Departs from gRPC in drawing at random in place of a queue by deadlines (no order that many clerks could
 * march in), and in the bound around the median.
 *
 * @see gRFC A58 (client-side weighted round robin), whose figures these are; gRFC A51 (load reports)
 * @see promises C2.5
 */
export function weighted(): Policy {
  // Outlives preparations; an instance that registers anew is another candidate, and begins anew.
  const histories = new WeakMap<Candidate, ReportHistory>();
  /** What the last table was made of, and read from it when `explain` asks. */
  let lastTable: { readonly candidates: readonly Candidate[]; readonly weights: Float64Array } | undefined;
  let shares: ReadonlyMap<Candidate, number> | undefined;
  return {
    name: 'weighted',
    describe(candidate) {
      shares ??= lastTable && sharesOf(lastTable.candidates, lastTable.weights);
      const share = shares?.get(candidate);
      return share === undefined ? undefined : `${String(Math.round(share * 100))} % of the calls`;
    },
    prepare(roster: PickerInput) {
      const candidates = subsetOf(roster);
      const count = candidates.length;
      if (count < 2) {
        const only = candidates[0];
        return () => only;
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
  const totalWeight = weights.reduce((sum, part) => sum + part, 0);
  return new Map(candidates.map((one, i) => [one, (weights[i] as number) / totalWeight]));
}

/**
 * What one report makes of its endpoint, whenever it came: calls a second that it could answer; 0 when the report
 * cannot be used.
 */
export function capacityOf({ utilization, callsPerSecond, errorsPerSecond }: LoadReport): number {
  // Written so that NaN falls through.
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

/** Fills in the mean for 0, and draws in what is too far from the median; undefined where fewer than two are known. */
export function clampToMedian(capacities: Float64Array): Float64Array | undefined {
  const known = capacities.filter((capacity) => capacity > 0).sort();
  if (known.length < 2) return undefined;
  // The lower of two middle ones: between two endpoints the one that claims more is the one to doubt.
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

/** What it has reported, the newest included. */
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
