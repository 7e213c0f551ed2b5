import type { ResolutionStep } from '../core/registry.js';

/** How long a result is used if the registry states no time, in ms. */
const defaultTtlMs = 5_000;
/** The same for an absent name, and the longest time for a service without endpoints, in ms. */
const defaultNegativeTtlMs = 1_000;
const maxNegativeTtlMs = 5_000;

/** The times that a registry states for the result of a lookup, in ms; undefined if it states none. */
export interface StatedTimes {
  /** How long the result may be used. */
  readonly ttlMs: number | undefined;
  /** How long the registry guarantees that the result stays correct. */
  readonly guaranteedMs?: number | undefined;
}

/** Returns how long the result of an absent name is used, in ms: as stated, at most 5 s; 1 s by default. */
export function absentTtlMs({ ttlMs = defaultNegativeTtlMs }: StatedTimes): number {
  return Math.min(maxNegativeTtlMs, ttlMs);
}

/** Returns how long a link is used, in ms: the shorter of both stated times; 5 s if no `ttlMs` is stated. */
export function linkTtlMs({ ttlMs = defaultTtlMs, guaranteedMs = Infinity }: StatedTimes): number {
  return Math.min(ttlMs, guaranteedMs);
}

/**
 * Returns how long the endpoints of a service are used, in ms: the shorter of both stated times; 5 s if neither is
 * stated. A service without endpoints is looked up again after 1 s at the latest.
 */
export function serviceTtlMs({ ttlMs, guaranteedMs }: StatedTimes, hasEndpoints: boolean): number {
  const statedMs = Math.min(
    ttlMs ?? (guaranteedMs === undefined ? defaultTtlMs : Infinity),
    guaranteedMs ?? Infinity,
  );
  return hasEndpoints ? statedMs : Math.min(statedMs, defaultNegativeTtlMs);
}

/**
 * Returns how long the result of a lookup that followed links is used, in ms: the shortest time of all steps. A step
 * with a `guaranteedMs` of 0 has no guarantee and does not shorten the time.
 *
 * @param minTtlMs - the shortest time of the links and the service, in ms
 */
export function pathTtlMs(minTtlMs: number, path: readonly ResolutionStep[]): number {
  return Math.min(minTtlMs, ...path.map(({ guaranteedMs }) => guaranteedMs).filter((ms) => ms > 0));
}
