/**
 * Prefers what is near: endpoints on this clerk's host, then in its zone, then all others. A tier that is short of
 * open endpoints, or whose endpoint is busy, passes calls on; a tier with nobody open gets none.
 */
import type { Candidate } from '../core/candidate.js';
import type { Picker, Policy, PickerInput, Locality } from '../core/policy.js';
import { spilloverLoadRatio, busyPending } from './busy.js';
import { loadAware } from './load-aware.js';
import { expiringPicker } from './expiring-picker.js';
import { anyHasSlowStart, slowStartFactors } from './slow-start.js';
import { relativeWeights } from './weights.js';

/** A tier may lose this much of its weight, 1 - 1/1.4 = 29 %, before it passes calls on. */
const overprovisioningFactor = 1.4;

/**
 * Local first, with proportional spill.
 *
 * *Short*: a tier can bear `min(1, 1.4 × open weight / whole weight)` of all calls and gets no more than that of what
 * the tiers before it left; where all of them together bear less than everything, shares are raised in proportion.
 * One of two local endpoints gone: 70 % stay local. With 72 % of its weight open the nearest tier gets all calls, and
 * no random number is drawn for it.
 *
 * *Busy*: a call whose endpoint has at least 8 of this clerk's calls in flight and more than 4 times the load of one
 * picked from the next tier goes there instead, and so on outwards. Both limits matter: the load of an endpoint that
 * nobody calls decays to nothing, so without the first limit every quiet spell would send calls away; without the
 * second, a host with few endpoints would give its calls to a fleet that is no faster.
 *
 * *New*: a tier that has nobody but newcomers gets calls as these warm up; so a first endpoint on this host does not get
 * everything at once. Within a tier that is the inner policy's business.
 *
 * Envoy's shares by zone (as many calls stay as the zone has of the servers, over what it has of the callers) are left
 * out: a clerk does not know where the other callers are. That a zone has more callers than servers shows in its
 * endpoints, by calls in flight here.
 *
 * An endpoint whose host or zone is unknown is in the last tier; without a zone of its own the clerk has no zone tier.
 * The inner policy is prepared once a tier. Where all candidates are in one tier, its picker is used as it is.
 *
 * @param inner - chooses within a tier. Default `loadAware()`.
 * @see Envoy, priority levels and their over-provisioning factor; zone aware routing
 */
export function localFirst(inner: Policy = loadAware()): Policy {
  return {
    name: inner.name === 'load-aware' ? 'local-first' : `local-first(${inner.name})`,
    prepare(roster: PickerInput) {
      const tiers = tiersOf(roster);
      const nearest = tiers[0];
      if (nearest === undefined || tiers.length === 1) return inner.prepare(roster);
      const pickers = tiers.map(({ candidates, all }) => inner.prepare({ ...roster, candidates, all }));
      if (!anyHasSlowStart(roster.candidates))
        return spilloverPicker(
          pickers,
          cumulativeShares(tiers.map((tier) => capacityShare(tier, undefined))),
        );
      const weights = relativeWeights(roster.candidates);
      return expiringPicker((now) => {
        const { factors, expiresAt } = slowStartFactors(roster.candidates, now, weights);
        const factorOf = factors && new Map(roster.candidates.map((one, i) => [one, factors[i] as number]));
        return {
          picker: spilloverPicker(
            pickers,
            cumulativeShares(tiers.map((tier) => capacityShare(tier, factorOf))),
          ),
          expiresAt,
        };
      });
    },
  };
}

interface Tier {
  readonly candidates: Candidate[];
  readonly all: Candidate[];
  /** What one of them counts when it is warm. */
  readonly weightOf: (candidate: Candidate) => number;
}

/** The tiers in which somebody can be chosen, nearest first. */
function tiersOf({ candidates, all, locality }: PickerInput): Tier[] {
  const candidatesByTier = splitByLocality(candidates, locality);
  const allByTier = splitByLocality(all, locality);
  const largest = candidates.reduce((most, { endpoint }) => Math.max(most, endpoint.weight), 0);
  // Where only standbys of weight 0 are left, they count by number.
  const scale = all.reduce((most, { endpoint }) => Math.max(most, endpoint.weight), largest);
  const weightOf = ({ endpoint }: Candidate): number => (largest === 0 ? 1 : endpoint.weight / scale);
  return candidatesByTier.flatMap((tierCandidates, i) =>
    tierCandidates.length === 0
      ? []
      : [{ candidates: tierCandidates, all: allByTier[i] as Candidate[], weightOf }],
  );
}

/**
 * Share of all calls that a tier can bear, 0–1. Newcomers count as far as they are warm. Where there are others in the
 * tier, these bear at least what they would bear without them: who joins does not drive calls away.
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
  { host, zone }: Locality,
): [Candidate[], Candidate[], Candidate[]] {
  const tiers: [Candidate[], Candidate[], Candidate[]] = [[], [], []];
  for (const candidate of list) {
    const { endpoint } = candidate;
    const tier = endpoint.host === host ? 0 : zone !== undefined && endpoint.zone === zone ? 1 : 2;
    tiers[tier].push(candidate);
  }
  return tiers;
}

/** For each tier the upper end of its part of [0, 1). */
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
    // At most two rounds, and none unless the pick is busy.
    while ((best === undefined || best.pending >= busyPending) && ++tier < count) {
      const other = (pickers[tier] as Picker)(context);
      if (other === undefined) continue;
      if (best === undefined || other.load(context.now) * spilloverLoadRatio < best.load(context.now))
        best = other;
    }
    return best;
  };
}
