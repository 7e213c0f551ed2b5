/** Many small worlds: with the whole ones, at least 20,000 seeds a run. */
import { expect, test } from 'vitest';
import { Marks, type Happening } from './marks.js';
import { complaint, runWorld } from './world.js';

const seeds = 18_000;
const seedsEach = 1_000;
const marks = new Marks();
let run = 0;

for (let from = 1; from <= seeds; from += seedsEach) {
  const to = from + seedsEach - 1;
  test(`seeds ${from} to ${to} keep every promise`, { timeout: 120_000 }, async () => {
    const complaints: string[] = [];
    for (let seed = from; seed <= to; seed++) {
      const result = await runWorld(seed, { brief: true });
      run++;
      marks.add(result.marks);
      if (result.violations.length > 0) complaints.push(complaint(result));
      if (seed % 100 === 50)
        expect((await runWorld(seed, { brief: true })).hash, `trace of seed ${seed}`).toBe(result.hash);
    }
    expect(complaints.join('\n')).toBe('');
  });
}

/** What small worlds are there for. */
const wanted: readonly Happening[] = [
  'ok-once',
  'ok-after-failover',
  'once-resent-unsent',
  'once-resent-withdrawn',
  'idempotent-run-twice',
  'ejected: refused',
  'ejected: reset',
  'ejected: silence',
  'revived',
  'outcome-unknown',
  'unknown-but-run',
  'unknown-not-run',
  'deadline',
  'aborted-sent',
  'talk-failed-over',
  'hedged',
  'raced',
];

test('what matters happened often', () => {
  expect(run, 'this counts over the whole file, so run all of it').toBe(seeds);
  expect(marks.rarerThan(500, wanted)).toEqual([]);
});
