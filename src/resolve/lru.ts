/** The only door to lru-cache: answers by name, each kept until its own time runs out. */
import { LRUCache } from 'lru-cache';
import type { Answer } from '../core/answer.js';
import type { Clock } from '../core/clock.js';

/** A bound on the number of entries, told as one on size: lru-cache sets aside memory for all of `max` at once. */
const upTo = (most: number): { maxSize: number; sizeCalculation: () => number } => ({
  maxSize: most,
  sizeCalculation: () => 1,
});

/** Answers by name. */
export interface AnswerStore {
  /** The answer, while it may be used. */
  get(name: string): Answer | undefined;
  /** Keeps an answer for what is left of its time. */
  set(answer: Answer): void;
  delete(name: string): void;
  readonly size: number;
}

/** Keeps at most `maxNames` answers, those least recently asked for go first. */
export function answerStore(clock: Clock, maxNames: number): AnswerStore {
  const cache = new LRUCache<string, Answer>({
    ...upTo(maxNames),
    perf: { now: () => clock.now() },
    ttlResolution: 0,
    ttl: 1,
  });
  return {
    get(name) {
      const answer = cache.get(name);
      // lru-cache has looked at the monotonic clock.
      return answer && (answer.ttlMs === Infinity || clock.wallNow() - answer.askedWallAt < answer.ttlMs)
        ? answer
        : undefined;
    },
    set(answer) {
      const { name, ttlMs, askedAt } = answer;
      // 0 means for ever to lru-cache, and to nobody else here.
      if (ttlMs === Infinity) cache.set(name, answer, { ttl: 0 });
      // What ends now has ended; lru-cache would keep it for this instant still, hence one step less.
      else if (clock.now() - askedAt < ttlMs)
        cache.set(name, answer, { ttl: ttlMs * (1 - Number.EPSILON), start: askedAt });
      else cache.delete(name);
    },
    delete: (name) => void cache.delete(name),
    get size() {
      return cache.size;
    },
  };
}

/** A map that forgets the least recently used. */
export interface RecentlyUsed<V> {
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
export function recentlyUsed<V extends object>(
  max: number,
  onForgotten: (value: V) => void,
): RecentlyUsed<V> {
  const cache = new LRUCache<string, V>({
    ...upTo(max),
    dispose: (value, _key, reason) => {
      if (reason === 'evict') onForgotten(value);
    },
  });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => void cache.set(key, value),
    delete: (key) => void cache.delete(key),
    values: () => cache.values(),
  };
}
