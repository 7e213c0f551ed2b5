import { expect, test } from 'vitest';
import { faultKinds, happenings, Marks } from './marks.js';
import { complaint, runWorld } from './world.js';

const seeds = 2_000;
const seedsEach = 100;
const marks = new Marks();
let run = 0;

for (let from = 1; from <= seeds; from += seedsEach) {
  const to = from + seedsEach - 1;
  test(`seeds ${from} to ${to} keep every promise`, { timeout: 120_000 }, async () => {
    const complaints: string[] = [];
    for (let seed = from; seed <= to; seed++) {
      const result = await runWorld(seed);
      run++;
      marks.add(result.marks);
      if (result.violations.length > 0) complaints.push(complaint(result));
      // One in a hundred runs twice: chance and time come from the seed alone.
      if (seed % 100 === 50) expect((await runWorld(seed)).hash, `trace of seed ${seed}`).toBe(result.hash);
    }
    expect(complaints.join('\n')).toBe('');
  });
}

test('everything that can go wrong did, and everything that matters happened', () => {
  expect(run, 'this counts over the whole file, so run all of it').toBe(seeds);
  const faults = faultKinds.map((kind) => `fault:${kind}` as const);
  expect(marks.rarerThan(100, faults)).toEqual([]);
  expect(marks.rarerThan(50, happenings)).toEqual([]);
});
