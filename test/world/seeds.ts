/** Runs seeds as tests: every promise is kept, and a seed is the same world each time. */
import { expect, test } from 'vitest';
import { Marks } from './marks.js';
import { complaint, runWorld } from './world.js';

/** What the seeds have come to; complete when all their tests have run. */
export interface Campaign {
  readonly marks: Marks;
  /** Fails unless every seed was run: what is counted over all of them would prove nothing. */
  isWhole(): void;
}

/** A test for each `seedsEach` of the first `seeds` seeds. */
export function keepEveryPromise(
  seeds: number,
  seedsEach: number,
  options?: Parameters<typeof runWorld>[1],
): Campaign {
  const marks = new Marks();
  let run = 0;
  for (let from = 1; from <= seeds; from += seedsEach) {
    const to = from + seedsEach - 1;
    test(`seeds ${from} to ${to} keep every promise`, { timeout: 120_000 }, async () => {
      const complaints: string[] = [];
      for (let seed = from; seed <= to; seed++) {
        const result = await runWorld(seed, options);
        run++;
        marks.add(result.marks);
        if (result.violations.length > 0) complaints.push(complaint(result));
        // One in a hundred runs twice: chance and time come from the seed alone.
        if (seed % 100 === 50)
          expect((await runWorld(seed, options)).hash, `trace of seed ${seed}`).toBe(result.hash);
      }
      expect(complaints.join('\n')).toBe('');
    });
  }
  return {
    marks,
    isWhole: () => expect(run, 'this counts over the whole file, so run all of it').toBe(seeds),
  };
}
