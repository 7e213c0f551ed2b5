import { LRUCache } from 'lru-cache';
import type { ResolvedService } from '../core/resolution-result.js';
import type { Clock } from '../core/clock.js';

/**
 * Limits the number of entries by `maxSize`. With the option `max`, lru-cache would allocate memory for all entries at
 * once.
 */
const entryLimit = (maxEntries: number): { maxSize: number; sizeCalculation: () => number } => ({
  maxSize: maxEntries,
  sizeCalculation: () => 1,
});

export interface ResolutionCache {
  get(name: string): ResolvedService | undefined;
  /** Stores a result. If the result has expired, removes the entry of its name instead. */
  set(resolved: ResolvedService): void;
  delete(name: string): void;
  readonly size: number;
}

export function createResolutionCache(clock: Clock, maxNames: number): ResolutionCache {
  const cache = new LRUCache<string, ResolvedService>({
    ...entryLimit(maxNames),
    perf: { now: () => clock.now() },
    ttlResolution: 0,
    ttl: 1,
  });
  return {
    get(name) {
      const resolved = cache.get(name);
      // lru-cache checks only the monotonic clock, so the wall clock is checked here.
      return resolved &&
        (resolved.ttlMs === Infinity || clock.wallNow() - resolved.requestedWallAt < resolved.ttlMs)
        ? resolved
        : undefined;
    },
    set(resolved) {
      const { name, ttlMs, requestedAt } = resolved;
      // For lru-cache, a `ttl` of 0 means that the entry never expires.
      if (ttlMs === Infinity) cache.set(name, resolved, { ttl: 0 });
      // lru-cache still returns an entry at the exact time of its expiry, so `ttl` is slightly less than `ttlMs`.
      else if (clock.now() - requestedAt < ttlMs)
        cache.set(name, resolved, { ttl: ttlMs * (1 - Number.EPSILON), start: requestedAt });
      else cache.delete(name);
    },
    delete: (name) => void cache.delete(name),
    get size() {
      return cache.size;
    },
  };
}

export interface LruMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  values(): Iterable<V>;
}

/** @param onEvicted - called with each evicted value, but not with a deleted or replaced value */
export function createLruMap<V extends object>(maxEntries: number, onEvicted: (value: V) => void): LruMap<V> {
  const cache = new LRUCache<string, V>({
    ...entryLimit(maxEntries),
    dispose: (value, _key, reason) => {
      if (reason === 'evict') onEvicted(value);
    },
  });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => void cache.set(key, value),
    delete: (key) => void cache.delete(key),
    values: () => cache.values(),
  };
}
