import type { Candidate } from '../core/candidate.js';
import type { PickerInput, Policy } from '../core/policy.js';
import { aliasTable, drawIndex } from './alias-table.js';
import { expiringPicker } from './expiring-picker.js';
import { reportedWeights, type ReportHistory } from './load-report-weights.js';
import { multiplyWeights, slowStartFactors } from './slow-start.js';
import { subsetOf } from './subset.js';
import { relativeWeights } from './weights.js';

const updateIntervalMs = 1_000;

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
