import type { ResolutionStep } from '../core/registry.js';

/** Time for which a result is used if the registry states no time, in ms. */
const defaultTtlMs = 5_000;
/**
 * Time for which the result of an absent name is used if the registry states no time, in ms. The result of a service
 * without endpoints is used for at most this time.
 */
const defaultNegativeTtlMs = 1_000;
const maxNegativeTtlMs = 5_000;

/**
 * The times that a registry states for the result of a lookup, in ms; a time is undefined if the registry does not
 * state it.
 */
export interface StatedTimes {
  /** Time for which the result may be used. */
  readonly ttlMs: number | undefined;
  /** Time for which the registry guarantees that the result stays correct. */
  readonly guaranteedMs?: number | undefined;
}

/** Returns the time for which the result of an absent name is used, in ms: `ttlMs`, at most 5 s. Default 1 s. */
export function absentTtlMs({ ttlMs = defaultNegativeTtlMs }: StatedTimes): number {
  return Math.min(maxNegativeTtlMs, ttlMs);
}

/**
 * Returns the time for which a link is used, in ms: the shorter of `ttlMs` and `guaranteedMs`. An undefined `ttlMs`
 * counts as 5 s.
 */
export function linkTtlMs({ ttlMs = defaultTtlMs, guaranteedMs = Infinity }: StatedTimes): number {
  return Math.min(ttlMs, guaranteedMs);
}

/**
 * Returns the time for which the endpoints of a service are used, in ms: the shorter of `ttlMs` and `guaranteedMs`, or
 * 5 s if both are undefined. For a service without endpoints, the time is at most 1 s.
 */
export function serviceTtlMs({ ttlMs, guaranteedMs }: StatedTimes, hasEndpoints: boolean): number {
  const statedMs = Math.min(
    ttlMs ?? (guaranteedMs === undefined ? defaultTtlMs : Infinity),
    guaranteedMs ?? Infinity,
  );
  return hasEndpoints ? statedMs : Math.min(statedMs, defaultNegativeTtlMs);
}

/**
 * Returns the time for which the result of a lookup that followed links is used, in ms: the shortest of `minTtlMs` and
 * the guarantees of the steps. A step with a `guaranteedMs` of 0 has no guarantee, and does not shorten the time.
 *
 * @param minTtlMs - the shortest time of the links and the service, in ms
 */
export function pathTtlMs(minTtlMs: number, path: readonly ResolutionStep[]): number {
  return Math.min(minTtlMs, ...path.map(({ guaranteedMs }) => guaranteedMs).filter((ms) => ms > 0));
}
