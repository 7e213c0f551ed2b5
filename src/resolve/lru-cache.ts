/** The only door to lru-cache: answers by name, each kept until its own time runs out. */
import { LRUCache } from 'lru-cache';
import type { ResolvedService } from '../core/resolution-result.js';
import type { Clock } from '../core/clock.js';

/** A bound on the number of entries, told as one on size: lru-cache sets aside memory for all of `max` at once. */
const entryLimit = (maxEntries: number): { maxSize: number; sizeCalculation: () => number } => ({
  maxSize: maxEntries,
  sizeCalculation: () => 1,
});

/** Answers by name. */
export interface ResolutionCache {
  /** The answer, while it may be used. */
  get(name: string): ResolvedService | undefined;
  /** Keeps an answer for what is left of its time. */
  set(answer: ResolvedService): void;
  delete(name: string): void;
  readonly size: number;
}

/** Keeps at most `maxNames` answers, those least recently asked for go first. */
export function createResolutionCache(clock: Clock, maxNames: number): ResolutionCache {
  const cache = new LRUCache<string, ResolvedService>({
    ...entryLimit(maxNames),
    perf: { now: () => clock.now() },
    ttlResolution: 0,
    ttl: 1,
  });
  return {
    get(name) {
      const answer = cache.get(name);
      // lru-cache has looked at the monotonic clock.
      return answer && (answer.ttlMs === Infinity || clock.wallNow() - answer.requestedWallAt < answer.ttlMs)
        ? answer
        : undefined;
    },
    set(answer) {
      const { name, ttlMs, requestedAt } = answer;
      // 0 means for ever to lru-cache, and to nobody else here.
      if (ttlMs === Infinity) cache.set(name, answer, { ttl: 0 });
      // What ends now has ended; lru-cache would keep it for this instant still, hence one step less.
      else if (clock.now() - requestedAt < ttlMs)
        cache.set(name, answer, { ttl: ttlMs * (1 - Number.EPSILON), start: requestedAt });
      else cache.delete(name);
    },
    delete: (name) => void cache.delete(name),
    get size() {
      return cache.size;
    },
  };
}

/** A map that forgets the least recently used. */
export interface LruMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  values(): Iterable<V>;
}

/**
 * Makes a map that forgets the least recently used, and says what it forgot.
 *
 * @param max - most entries
 */
export function createLruMap<V extends object>(max: number, onEvicted: (value: V) => void): LruMap<V> {
  const cache = new LRUCache<string, V>({
    ...entryLimit(max),
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
