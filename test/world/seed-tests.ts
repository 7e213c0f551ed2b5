/** Runs seeds as tests: every promise is kept, and a seed is the same world each time. */
import { expect, test } from 'vitest';
import { Coverage } from './coverage.js';
import { describeViolations, runSimulation } from './simulation.js';

/** What the seeds have come to; complete when all their tests have run. */
export interface SeedRuns {
  readonly coverage: Coverage;
  /** Fails unless every seed was run: what is counted over all of them would prove nothing. */
  assertComplete(): void;
}

/** A test for each `seedsEach` of the first `seeds` seeds. */
export function testSeeds(
  seeds: number,
  seedsEach: number,
  options?: Parameters<typeof runSimulation>[1],
): SeedRuns {
  const marks = new Coverage();
  let run = 0;
  for (let from = 1; from <= seeds; from += seedsEach) {
    const to = from + seedsEach - 1;
    test(`seeds ${from} to ${to} keep every promise`, { timeout: 120_000 }, async () => {
      const complaints: string[] = [];
      for (let seed = from; seed <= to; seed++) {
        const result = await runSimulation(seed, options);
        run++;
        marks.add(result.marks);
        if (result.violations.length > 0) complaints.push(describeViolations(result));
        // One in a hundred runs twice: chance and time come from the seed alone.
        if (seed % 100 === 50)
          expect((await runSimulation(seed, options)).hash, `trace of seed ${seed}`).toBe(result.hash);
      }
      expect(complaints.join('\n')).toBe('');
    });
  }
  return {
    coverage: marks,
    assertComplete: () => expect(run, 'this counts over the whole file, so run all of it').toBe(seeds),
  };
}
