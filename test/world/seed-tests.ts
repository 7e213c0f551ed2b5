import { afterAll, expect, test } from 'vitest';
import { Coverage } from './coverage.js';
import { describeViolations, runSimulation } from './simulation.js';

/**
 * Declares a test per `seedsEach` seeds. Each checks all guarantees, and that a seed gives the same trace in two runs.
 *
 * @param checkCoverage - called after the tests of the file, with what happened in all seeds. Not called when only a part
 *   of the seeds was run, such as with `-t`
 */
export function testSeeds(
  seeds: number,
  seedsEach: number,
  options: Parameters<typeof runSimulation>[1],
  checkCoverage: (coverage: Coverage) => void,
): void {
  const coverage = new Coverage();
  let run = 0;
  for (let from = 1; from <= seeds; from += seedsEach) {
    const to = from + seedsEach - 1;
    test(`seeds ${from} to ${to} violate no guarantee`, { timeout: 120_000 }, async () => {
      const failures: string[] = [];
      for (let seed = from; seed <= to; seed++) {
        const result = await runSimulation(seed, options);
        run++;
        coverage.add(result.coverage);
        if (result.violations.length > 0) failures.push(describeViolations(result));
        // One of a hundred runs twice: the seed alone determines the trace.
        if (seed % 100 === 50)
          expect((await runSimulation(seed, options)).hash, `trace of seed ${seed}`).toBe(result.hash);
      }
      expect(failures.join('\n')).toBe('');
    });
  }
  afterAll(() => {
    if (run >= seeds) checkCoverage(coverage);
  });
}
