import type { ResolutionStep } from '../core/registry.js';

/** A result without a stated time is used for this time, in ms. */
const defaultTtlMs = 5_000;
/**
 * The result of an absent name without a stated time is used for this time, in ms. Also the maximum for a service
 * without endpoints.
 */
const defaultNegativeTtlMs = 1_000;
const maxNegativeTtlMs = 5_000;

/** The times that a registry states for the result of a lookup, in ms. */
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

/** Returns the time for which a link is used, in ms: the shorter of `ttlMs` (default 5 s) and `guaranteedMs`. */
export function linkTtlMs({ ttlMs = defaultTtlMs, guaranteedMs = Infinity }: StatedTimes): number {
  return Math.min(ttlMs, guaranteedMs);
}

/**
 * Returns the time for which the endpoints of a service are used, in ms: the shorter of `ttlMs` and `guaranteedMs`.
 * If both are undefined, 5 s. Without endpoints, at most 1 s.
 */
export function serviceTtlMs({ ttlMs, guaranteedMs }: StatedTimes, hasEndpoints: boolean): number {
  const statedMs = Math.min(
    ttlMs ?? (guaranteedMs === undefined ? defaultTtlMs : Infinity),
    guaranteedMs ?? Infinity,
  );
  return hasEndpoints ? statedMs : Math.min(statedMs, defaultNegativeTtlMs);
}

/**
 * Returns the time for which the result of a lookup with links is used, in ms: the shortest of `minTtlMs` and the
 * guarantees of the steps. A `guaranteedMs` of 0 means no guarantee.
 *
 * @param minTtlMs - the shortest time of the links and the service, in ms
 */
export function pathTtlMs(minTtlMs: number, path: readonly ResolutionStep[]): number {
  return Math.min(minTtlMs, ...path.map(({ guaranteedMs }) => guaranteedMs).filter((ms) => ms > 0));
}
