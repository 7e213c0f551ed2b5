import type { Candidate } from '../core/candidate.js';
import { isSameHost, type Locality } from '../core/locality.js';
import { definedFields } from '../core/defined-fields.js';
import type { Picker, PickerInput, Policy } from '../core/policy.js';
import { busyPending } from './busy-threshold.js';
import { expiringPicker } from './expiring-picker.js';
import { loadAware } from './load-aware.js';
import { anyHasSlowStart, slowStartFactors } from './slow-start.js';
import { relativeWeights } from './weights.js';

/** A tier keeps all calls while at most 1 - 1/1.4 = 29 % of its weight is ejected. */
const overprovisioningFactor = 1.4;

/** A call leaves a busy endpoint for an endpoint of a farther tier if the ratio of the two loads exceeds this value. */
const spilloverLoadRatio = 4;

/**
 * Prefers near endpoints, in three tiers: this host, this zone, all others. Calls spill over to the next tier in
 * three cases.
 *
 * - **Too few open endpoints.** An endpoint is open while it is not ejected. A tier gets
 * `min(1, 1.4 × open weight / total weight)` of all calls, but no more than the nearer tiers leave. Shares that add
 * up to less than 1 are scaled up. Example: with one of two local endpoints ejected, 70 % of the calls stay local.
 * - **A busy endpoint.** The picked endpoint has at least 8 calls of this client in flight. Its load is more than 4
 * times the load of the endpoint picked in the next tier.
 * - **Slow start.** If all endpoints of a tier are new, the share of the tier grows during the slow start.
 *
 * An endpoint with an unknown host and zone is in the last tier. A client without a zone has no zone tier. Unlike
 * Envoy's zone-aware routing, this policy ignores the share of callers per zone, which a client does not know.
 *
 * @param inner - policy that picks within a tier. Default `loadAware()`.
 * @see [Envoy, priority
 * levels](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority)
 * @see [Envoy, zone-aware
 * routing](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/zone_aware)
 */
export function localFirst(inner: Policy = loadAware()): Policy {
  let tiers: readonly Tier[] = [];
  let ends: Float64Array = new Float64Array();
  return {
    name: inner.name === 'load-aware' ? 'local-first' : `local-first(${inner.name})`,
    ...definedFields({ allowsTrial: inner.allowsTrial }),
    describe(candidate) {
      const note = inner.describe?.(candidate);
      return [describeTier(candidate, tiers, ends), ...(note === undefined ? [] : [note])].join(', ');
    },
    prepare(input: PickerInput) {
      const prepared = tiersOf(input);
      tiers = prepared;
      ends = new Float64Array([1]);
      if (prepared.length < 2) return inner.prepare(input);
      const pickers = prepared.map(({ candidates, all }) => inner.prepare({ ...input, candidates, all }));
      const weights = relativeWeights(input.candidates);
      const create = (factors: Float64Array | undefined): Picker => {
        const factorOf = factors && new Map(input.candidates.map((one, i) => [one, factors[i] as number]));
        ends = cumulativeShares(prepared.map((tier) => capacityShare(tier, factorOf)));
        return spilloverPicker(pickers, ends);
      };
      const picker = create(undefined);
      if (!anyHasSlowStart(input.candidates)) return picker;
      return expiringPicker((now) => {
        const { factors, expiresAt } = slowStartFactors(input.candidates, now, weights);
        return { picker: create(factors), expiresAt };
      });
    },
  };
}

const tierNames = ['this host', 'this zone', 'elsewhere'] as const;

interface Tier {
  readonly name: (typeof tierNames)[number];
  readonly candidates: Candidate[];
  readonly all: Candidate[];
  /** Relative weight of an endpoint, not reduced by slow start. */
  readonly weightOf: (candidate: Candidate) => number;
}

/** Describes the tier of an endpoint. The stated share of the calls applies while no endpoint is busy. */
function describeTier(candidate: Candidate, tiers: readonly Tier[], ends: Float64Array): string {
  const { host, zone } = candidate.endpoint;
  const i = tiers.findIndex(({ all }) => all.includes(candidate));
  const share = i < 0 ? 0 : (ends[i] as number) - (i > 0 ? (ends[i - 1] as number) : 0);
  const tier = `${tiers[i]?.name ?? 'unused tier'} (host ${host ?? 'unknown'}, zone ${zone ?? 'unknown'})`;
  const sharers = tiers[i]?.candidates ?? [];
  if (!sharers.includes(candidate)) return tier;
  const shared = sharers.length > 1 ? `, shared by ${String(sharers.length)} endpoints` : '';
  return `${tier}, which gets ${String(Math.round(share * 100))} % of the calls${shared}`;
}

/** Returns the tiers that have candidates, nearest first. */
function tiersOf({ candidates, all, locality }: PickerInput): Tier[] {
  const candidatesByTier = splitByLocality(candidates, locality);
  const allByTier = splitByLocality(all, locality);
  const largest = candidates.reduce((most, { endpoint }) => Math.max(most, endpoint.weight), 0);
  // If all candidates have weight 0, every endpoint counts with weight 1.
  const scale = all.reduce((most, { endpoint }) => Math.max(most, endpoint.weight), largest);
  const weightOf = ({ endpoint }: Candidate): number => (largest === 0 ? 1 : endpoint.weight / scale);
  return candidatesByTier.flatMap((tierCandidates, i) =>
    tierCandidates.length === 0
      ? []
      : [
          {
            name: tierNames[i] as Tier['name'],
            candidates: tierCandidates,
            all: allByTier[i] as Candidate[],
            weightOf,
          },
        ],
  );
}

/**
 * The share of all calls that a tier can take. Slow start reduces the weight of an endpoint. The tier keeps at least
 * the share that its established endpoints alone would have.
 */
function capacityShare(
  { candidates, all, weightOf }: Tier,
  factors: ReadonlyMap<Candidate, number> | undefined,
): number {
  let effectiveWeight = 0;
  let establishedWeight = 0;
  let slowStartWeight = 0;
  for (const candidate of candidates) {
    const weight = weightOf(candidate);
    const factor = factors?.get(candidate) ?? 1;
    effectiveWeight += weight * factor;
    if (factor < 1) slowStartWeight += weight;
    else establishedWeight += weight;
  }
  if (effectiveWeight === 0) return 0;
  const totalWeight = all.reduce((sum, one) => sum + weightOf(one), 0);
  const share =
    establishedWeight === 0
      ? effectiveWeight / totalWeight
      : Math.max(effectiveWeight / totalWeight, establishedWeight / (totalWeight - slowStartWeight));
  return Math.min(1, overprovisioningFactor * share);
}

function splitByLocality(
  list: readonly Candidate[],
  locality: Locality,
): [Candidate[], Candidate[], Candidate[]] {
  const { zone } = locality;
  const tiers: [Candidate[], Candidate[], Candidate[]] = [[], [], []];
  for (const candidate of list) {
    const { endpoint } = candidate;
    const tier = isSameHost(locality, endpoint) ? 0 : zone !== undefined && endpoint.zone === zone ? 1 : 2;
    tiers[tier].push(candidate);
  }
  return tiers;
}

/**
 * Divides [0, 1) into one interval per tier, nearest first, and returns the upper ends. Shares that add up to less
 * than 1 are scaled up. If the shares add up to more than 1, the farthest tiers get less than their shares.
 */
function cumulativeShares(capacityShares: readonly number[]): Float64Array {
  const total = Math.min(
    1,
    capacityShares.reduce((sum, share) => sum + share, 0),
  );
  let end = 0;
  return Float64Array.from(capacityShares, (share, i) => {
    end = i === capacityShares.length - 1 ? 1 : Math.min(1, end + share / total);
    return end;
  });
}

function spilloverPicker(pickers: readonly Picker[], ends: Float64Array): Picker {
  const count = pickers.length;
  const first = ends[0] as number;
  return (context) => {
    let tier = 0;
    if (first < 1) {
      const drawn = context.random();
      while (tier < count - 1 && drawn >= (ends[tier] as number)) tier++;
    }
    let best = (pickers[tier] as Picker)(context);
    while ((best === undefined || best.pending >= busyPending) && ++tier < count) {
      const other = (pickers[tier] as Picker)(context);
      if (other === undefined) continue;
      if (best === undefined || other.load(context.now) * spilloverLoadRatio < best.load(context.now))
        best = other;
    }
    return best;
  };
}
