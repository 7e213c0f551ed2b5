import type { ResolutionStep } from '../core/registry.js';

const defaultTtlMs = 5_000;
/** Default lifetime of the result for an absent name. Also the maximum lifetime of a result without endpoints. */
const defaultNegativeTtlMs = 1_000;
const maxNegativeTtlMs = 5_000;

export interface StatedTimes {
  readonly ttlMs: number | undefined;
  readonly guaranteedMs?: number | undefined;
}

/** Returns the lifetime of the result for an absent name: `ttlMs`, at most 5 s. Default 1 s. */
export function absentTtlMs({ ttlMs = defaultNegativeTtlMs }: StatedTimes): number {
  return Math.min(maxNegativeTtlMs, ttlMs);
}

/** Returns the lifetime of a link: the shorter of `ttlMs` (default 5 s) and `guaranteedMs`. */
export function linkTtlMs({ ttlMs = defaultTtlMs, guaranteedMs = Infinity }: StatedTimes): number {
  return Math.min(ttlMs, guaranteedMs);
}

/**
 * Returns the lifetime of the result for a service: the shorter of `ttlMs` and `guaranteedMs`; if both are undefined, 5
 * s. Without endpoints, at most 1 s.
 */
export function serviceTtlMs({ ttlMs, guaranteedMs }: StatedTimes, hasEndpoints: boolean): number {
  const statedMs = Math.min(
    ttlMs ?? (guaranteedMs === undefined ? defaultTtlMs : Infinity),
    guaranteedMs ?? Infinity,
  );
  return hasEndpoints ? statedMs : Math.min(statedMs, defaultNegativeTtlMs);
}

/**
 * Returns the lifetime of a result with links: the shortest of `minTtlMs` and the guarantees of the steps. A
 * `guaranteedMs` of 0 means no guarantee.
 */
export function pathTtlMs(minTtlMs: number, path: readonly ResolutionStep[]): number {
  return Math.min(minTtlMs, ...path.map(({ guaranteedMs }) => guaranteedMs).filter((ms) => ms > 0));
}
