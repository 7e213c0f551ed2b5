import { seededRandom } from 'binding-clerk/testing';

/** Draws from one random sequence. */
export interface RandomStream {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** True with probability `p`. */
  chance(p: number): boolean;
  /** A number in [min, max). */
  between(min: number, max: number): number;
  /** An integer in [min, max]. */
  int(min: number, max: number): number;
  /** An element of a list, which must not be empty. */
  one<T>(list: readonly T[]): T;
  /** Up to `count` elements of a list, in its order. */
  some<T>(list: readonly T[], count: number): T[];
}

const streams = {
  shape: 1,
  faults: 2,
  network: 3,
  load: 4,
  registry: 5,
  server: 6,
  disk: 7,
  wire: 8,
  services: 9,
  hedges: 10,
  callers: 11,
  routes: 12,
  listeners: 13,
  launcher: 14,
  restore: 15,
  audit: 16,
  waits: 17,
  moves: 18,
  clerk: 100,
};

/** One independent sequence per part of the simulation, so that a change of one part does not affect the others. */
export function randomStream(seed: number, stream: keyof typeof streams, offset = 0): RandomStream {
  const uniform = seededRandom(seed, streams[stream] + offset);
  const int = (min: number, max: number): number => min + Math.floor(uniform() * (max - min + 1));
  return {
    uniform,
    int,
    chance: (p) => uniform() < p,
    between: (min, max) => min + uniform() * (max - min),
    one: <T>(list: readonly T[]) => list[Math.floor(uniform() * list.length)] as T,
    some<T>(list: readonly T[], count: number) {
      const drawn = new Set<T>();
      while (drawn.size < Math.min(count, list.length))
        drawn.add(list[Math.floor(uniform() * list.length)] as T);
      return list.filter((item) => drawn.has(item));
    },
  };
}
