import { expect, test } from 'vitest';
import { localFirst } from '../../src/select/local-first.js';
import { roundRobin } from '../../src/select/round-robin.js';
import { chiSquareP } from './chi-square.js';
import { PolicyHarness, fleet } from './candidates.js';

test('no two of five are ever more than one pick apart', () => {
  const choosing = new PolicyHarness(roundRobin(), fleet(5), { seed: 1 });
  const counts = Object.values(choosing.counts(1_003));
  expect(counts).toHaveLength(5);
  expect(Math.max(...counts) - Math.min(...counts)).toBe(1);
});

test('many clerks begin at different points, with one draw each', () => {
  const firsts: Record<string, number> = {};
  for (let seed = 0; seed < 5_000; seed++) {
    const choosing = new PolicyHarness(roundRobin(), fleet(4), { seed });
    const [first = ''] = choosing.picks(3);
    firsts[first] = (firsts[first] ?? 0) + 1;
    expect(choosing.draws).toBe(1);
  }
  expect(chiSquareP(firsts, { a0: 1, a1: 1, a2: 1, a3: 1 }), JSON.stringify(firsts)).toBeGreaterThan(0.001);
});

test('the turn survives a new preparation of the same set', () => {
  const choosing = new PolicyHarness(roundRobin(), ['a', 'b', 'c'], { seed: 3 });
  const ids = Array.from({ length: 9 }, () => choosing.excluding().picks(1)[0]);
  expect(new Set(ids.slice(0, 3)).size).toBe(3);
  expect(ids.slice(3, 6)).toEqual(ids.slice(0, 3));
  expect(ids.slice(6)).toEqual(ids.slice(0, 3));
});

test('when the last one picked is gone, the one after it is next', () => {
  const choosing = new PolicyHarness(roundRobin(), ['a', 'b', 'c', 'd', 'e'], { seed: 1 });
  while (choosing.picks(1)[0] !== 'b');
  expect(choosing.excluding('b').picks(4).join('')).toBe('cdea');
  expect(choosing.excluding('a', 'b', 'c').picks(3).join('')).toBe('ded');
  expect(choosing.excluding().picks(3).join('')).toBe('eab');
});

test('an empty moment does not lose the turn', () => {
  const choosing = new PolicyHarness(roundRobin(), ['a', 'b', 'c'], { seed: 1 });
  while (choosing.picks(1)[0] !== 'a');
  expect(choosing.excluding('a', 'b', 'c').picks(2)).toEqual(['nobody', 'nobody']);
  expect(choosing.excluding().picks(3).join('')).toBe('bca');
});

test('health that comes and goes all the time favours nobody who stays', () => {
  const choosing = new PolicyHarness(roundRobin(), ['a', 'b', 'c', 'd'], { seed: 2 });
  const counts: Record<string, number> = {};
  for (let i = 0; i < 6_000; i++) {
    const [id = ''] = choosing.excluding(...(i % 2 === 0 ? ['d'] : [])).picks(1);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  const { a = 0, b = 0, c = 0 } = counts;
  expect(Math.max(a, b, c) - Math.min(a, b, c), JSON.stringify(counts)).toBeLessThan(60);
});

test('within each tier of local-first the turn is kept by itself', () => {
  const given = [
    ...fleet(2, { host: 'here' }, 'h'),
    { id: 'gone', host: 'here', weight: 3, closed: true },
    'x',
    'y',
  ];
  const choosing = new PolicyHarness(localFirst(roundRobin()), given, { seed: 4 });
  const ids = choosing.picks(400);
  const near = ids.filter((id) => id.startsWith('h'));
  const far = ids.filter((id) => !id.startsWith('h'));
  for (const tier of [near, far]) {
    expect(tier.length).toBeGreaterThan(100);
    expect(tier).toEqual(tier.map((_, i) => tier[i % 2]));
    expect(tier[0]).not.toBe(tier[1]);
  }
});
