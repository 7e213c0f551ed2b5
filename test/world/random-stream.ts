/** Chance for the world, one stream for each of its parts, so that a change of one leaves the others as they were. */
import { seededRandom } from 'binding-clerk/testing';

/** Ways to draw. */
export interface RandomStream {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** True with probability `p`. */
  chance(p: number): boolean;
  /** A number in [least, most). */
  between(min: number, max: number): number;
  /** An integer in [least, most]. */
  int(min: number, max: number): number;
  /** One of a list that is not empty. */
  one<T>(list: readonly T[]): T;
  /** Some of a list, in the list's order. */
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
  clerk: 100,
};

export function randomStream(seed: number, stream: keyof typeof streams, offset = 0): RandomStream {
  const unit = seededRandom(seed, streams[stream] + offset);
  const int = (least: number, most: number): number => least + Math.floor(unit() * (most - least + 1));
  return {
    uniform: unit,
    int,
    chance: (p) => unit() < p,
    between: (least, most) => least + unit() * (most - least),
    one: <T>(list: readonly T[]) => list[Math.floor(unit() * list.length)] as T,
    some<T>(list: readonly T[], count: number) {
      const drawn = new Set<T>();
      while (drawn.size < Math.min(count, list.length))
        drawn.add(list[Math.floor(unit() * list.length)] as T);
      return list.filter((item) => drawn.has(item));
    },
  };
}
