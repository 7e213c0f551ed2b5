/**
 * Prefers what is near: endpoints on this clerk's host, then in its zone, then all others. A tier that is short of
 * open endpoints, or whose endpoint is busy, passes calls on; a tier with nobody open gets none.
 */
import type { Candidate } from '../core/candidate.js';
import type { Picker, Policy, Roster, Standpoint } from '../core/policy.js';
import { busyFactor, busyPending } from './busy.js';
import { loadAware } from './load-aware.js';
import { renewed } from './renewed.js';
import { mayWarm, warmthOf } from './warmth.js';
import { relativeWeights } from './weights.js';

/** A tier may lose this much of its weight, 1 - 1/1.4 = 29 %, before it passes calls on. */
const overProvision = 1.4;

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
    prepare(roster: Roster) {
      const tiers = tiersOf(roster);
      const sole = tiers[0];
      if (sole === undefined || tiers.length === 1) return inner.prepare(roster);
      const pickers = tiers.map(({ candidates, all }) => inner.prepare({ ...roster, candidates, all }));
      if (!mayWarm(roster.candidates))
        return spilling(pickers, bounds(tiers.map((tier) => bears(tier, undefined))));
      const weights = relativeWeights(roster.candidates);
      return renewed((now) => {
        const { each, until } = warmthOf(roster.candidates, now, weights);
        const warmth = each && new Map(roster.candidates.map((one, i) => [one, each[i] as number]));
        return { picker: spilling(pickers, bounds(tiers.map((tier) => bears(tier, warmth)))), until };
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
function tiersOf({ candidates, all, standpoint }: Roster): Tier[] {
  const open = split(candidates, standpoint);
  const whole = split(all, standpoint);
  const largest = candidates.reduce((most, { endpoint }) => Math.max(most, endpoint.weight), 0);
  // Where only standbys of weight 0 are left, they count by number.
  const scale = all.reduce((most, { endpoint }) => Math.max(most, endpoint.weight), largest);
  const weightOf = ({ endpoint }: Candidate): number => (largest === 0 ? 1 : endpoint.weight / scale);
  return open.flatMap((members, i) =>
    members.length === 0 ? [] : [{ candidates: members, all: whole[i] as Candidate[], weightOf }],
  );
}

/**
 * Share of all calls that a tier can bear, 0–1. Newcomers count as far as they are warm. Where there are others in the
 * tier, these bear at least what they would bear without them: who joins does not drive calls away.
 */
function bears(
  { candidates, all, weightOf }: Tier,
  warmth: ReadonlyMap<Candidate, number> | undefined,
): number {
  let warmed = 0;
  let settled = 0;
  let settling = 0;
  for (const candidate of candidates) {
    const weight = weightOf(candidate);
    const warm = warmth?.get(candidate) ?? 1;
    warmed += weight * warm;
    if (warm < 1) settling += weight;
    else settled += weight;
  }
  if (warmed === 0) return 0;
  const whole = all.reduce((sum, one) => sum + weightOf(one), 0);
  const share = settled === 0 ? warmed / whole : Math.max(warmed / whole, settled / (whole - settling));
  return Math.min(1, overProvision * share);
}

function split(
  list: readonly Candidate[],
  { host, zone }: Standpoint,
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
function bounds(bears: readonly number[]): Float64Array {
  const total = Math.min(
    1,
    bears.reduce((sum, share) => sum + share, 0),
  );
  let end = 0;
  return Float64Array.from(bears, (share, i) => {
    end = i === bears.length - 1 ? 1 : Math.min(1, end + share / total);
    return end;
  });
}

function spilling(pickers: readonly Picker[], ends: Float64Array): Picker {
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
      if (best === undefined || other.load(context.now) * busyFactor < best.load(context.now)) best = other;
    }
    return best;
  };
}
