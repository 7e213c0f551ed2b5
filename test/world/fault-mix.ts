import type { RandomStream } from './random-stream.js';
import type { Scenario } from './scenario.js';
import { faultKinds, portFaults, serverFaults, type FaultKind } from './coverage.js';

/**
 * The faults of a simulation, with strengths from 0 to 1. Each seed draws a few kinds, since a fault that is always present
 * hides errors that only its absence shows.
 *
 * @see {@link https://doi.org/10.1145/2338965.2336763 | Groce et al., Swarm Testing}
 */
export type FaultMix = ReadonlyMap<FaultKind, number>;

/** Faults under which a retryable call must succeed while a healthy endpoint is left. */
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

/** Faults that leave every endpoint healthy. */
const harmlessKinds: readonly FaultKind[] = [
  'registry-down',
  'registry-hang',
  'registry-slow',
  'registry-lie',
  'watch-break',
  'wall-jump',
  'caller-abort',
  'write-fails',
  'redefine',
];

/**
 * Draws the faults of a simulation.
 *
 * @param isServed - whether the bundled server is its registry
 */
export function drawFaultMix(
  random: RandomStream,
  { isSurvivable: gentle, isHarmless, server }: Pick<Scenario, 'isSurvivable' | 'isHarmless' | 'server'>,
): FaultMix {
  const isServed = server !== undefined;
  const others: readonly FaultKind[] = isServed ? portFaults : serverFaults;
  const kinds = (gentle ? survivableKinds : faultKinds).filter((kind) => !others.includes(kind));
  const drawn = random.some(kinds, random.int(gentle ? 2 : 3, gentle ? 6 : 10));
  const chosen = isHarmless ? drawn.filter((kind) => harmlessKinds.includes(kind)) : drawn;
  // Outlier detection needs a high failure rate for a while, so error statuses are at least half strength.
  return new Map(
    chosen.map((kind) => {
      const strength = random.uniform();
      return [kind, kind === 'status' ? 0.5 + strength / 2 : strength];
    }),
  );
}
