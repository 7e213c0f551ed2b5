/** The only file that uses the package lru-cache. */
import { LRUCache } from 'lru-cache';
import type { ResolvedService } from '../core/resolution-result.js';
import type { Clock } from '../core/clock.js';

/**
 * Returns the options that limit the number of entries of an lru-cache. The option `max` is not used, because with
 * `max` lru-cache allocates memory for all entries at once.
 */
const entryLimit = (maxEntries: number): { maxSize: number; sizeCalculation: () => number } => ({
  maxSize: maxEntries,
  sizeCalculation: () => 1,
});

/** Lookup results by name. Each result expires after its own `ttlMs`. */
export interface ResolutionCache {
  /** Returns the result of a name; undefined when no unexpired result is stored. */
  get(name: string): ResolvedService | undefined;
  /**
   * Stores a result until `ttlMs` have passed since `requestedAt`. If the result has expired already, removes the entry
   * of its name instead.
   */
  set(resolved: ResolvedService): void;
  delete(name: string): void;
  readonly size: number;
}

/** Creates a cache of at most `maxNames` results. When the cache is full, the least recently used result is evicted. */
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
      // lru-cache has checked the expiry on the monotonic clock only; the wall clock is checked here.
      return resolved &&
        (resolved.ttlMs === Infinity || clock.wallNow() - resolved.requestedWallAt < resolved.ttlMs)
        ? resolved
        : undefined;
    },
    set(resolved) {
      const { name, ttlMs, requestedAt } = resolved;
      // For lru-cache a `ttl` of 0 means that the entry never expires. A `ttlMs` of 0 means that the result has expired
      // already, and is handled by the last branch.
      if (ttlMs === Infinity) cache.set(name, resolved, { ttl: 0 });
      // At the exact time of expiry lru-cache still returns the entry. With a `ttl` smaller by one epsilon, the entry
      // has expired at that time.
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

/** A map with a maximum number of entries. When the map is full, the least recently used entry is evicted. */
export interface LruMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  values(): Iterable<V>;
}

/**
 * Creates an {@link LruMap}.
 *
 * @param onEvicted - called with each evicted value; not called for a deleted or replaced value
 */
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
