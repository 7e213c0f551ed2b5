/**
 * Which faults a seed draws: a few kinds, each at a strength of its own; the others stay away, since a fault that is
 * always there hides what only its absence shows.
 */
import type { RandomStream } from './random-stream.js';
import { faultKinds, portFaults, serverFaults, type FaultKind } from './coverage.js';

/** The faults of a world: kinds and strengths, from 0 to 1. */
export type FaultMix = ReadonlyMap<FaultKind, number>;

/** Faults after which a call that may be repeated must still succeed, while somebody well is left. */
const survivableKinds: readonly FaultKind[] = [
  'connect-stall',
  'refuse',
  'pause',
  'kill',
  'registry-down',
  'registry-hang',
  'registry-slow',
  'registry-lie',
  'watch-break',
  'wall-jump',
  'write-fails',
  'redefine',
];

/**
 * Draws the faults of a world.
 *
 * @param isServed - whether the real server is its registry
 */
export function drawFaultMix(random: RandomStream, gentle: boolean, isServed: boolean): FaultMix {
  const others: readonly FaultKind[] = isServed ? portFaults : serverFaults;
  const kinds = (gentle ? survivableKinds : faultKinds).filter((kind) => !others.includes(kind));
  const chosen = random.some(kinds, random.int(gentle ? 2 : 3, gentle ? 6 : 10));
  // Weak spells of failed answers set nobody aside: the rate has to be bad for a while.
  return new Map(
    chosen.map((kind) => {
      const strength = random.uniform();
      return [kind, kind === 'status' ? 0.5 + strength / 2 : strength];
    }),
  );
}
