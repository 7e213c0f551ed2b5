import { expect, test } from 'vitest';
import { localFirst } from '../../src/load-balancing/local-first.js';
import { roundRobin } from '../../src/load-balancing/round-robin.js';
import { chiSquareP } from './chi-square.js';
import { PolicyHarness, fleet } from './candidates.js';

test('the picks of five endpoints never differ by more than one', () => {
  const harness = new PolicyHarness(roundRobin(), fleet(5), { seed: 1 });
  const counts = Object.values(harness.counts(1_003));
  expect(counts).toHaveLength(5);
  expect(Math.max(...counts) - Math.min(...counts)).toBe(1);
});

test('clients start at different endpoints, with one random number each', () => {
  const firsts: Record<string, number> = {};
  for (let seed = 0; seed < 5_000; seed++) {
    const harness = new PolicyHarness(roundRobin(), fleet(4), { seed });
    const [first = ''] = harness.picks(3);
    firsts[first] = (firsts[first] ?? 0) + 1;
    expect(harness.draws).toBe(1);
  }
  expect(chiSquareP(firsts, { a0: 1, a1: 1, a2: 1, a3: 1 }), JSON.stringify(firsts)).toBeGreaterThan(0.001);
});

test('the position survives preparing the same candidates again', () => {
  const harness = new PolicyHarness(roundRobin(), ['a', 'b', 'c'], { seed: 3 });
  const ids = Array.from({ length: 9 }, () => harness.excluding().picks(1)[0]);
  expect(new Set(ids.slice(0, 3)).size).toBe(3);
  expect(ids.slice(3, 6)).toEqual(ids.slice(0, 3));
  expect(ids.slice(6)).toEqual(ids.slice(0, 3));
});

test('when the last pick is gone, its successor is next', () => {
  const harness = new PolicyHarness(roundRobin(), ['a', 'b', 'c', 'd', 'e'], { seed: 1 });
  while (harness.picks(1)[0] !== 'b');
  expect(harness.excluding('b').picks(4).join('')).toBe('cdea');
  expect(harness.excluding('a', 'b', 'c').picks(3).join('')).toBe('ded');
  expect(harness.excluding().picks(3).join('')).toBe('eab');
});

test('the position survives an empty set of candidates', () => {
  const harness = new PolicyHarness(roundRobin(), ['a', 'b', 'c'], { seed: 1 });
  while (harness.picks(1)[0] !== 'a');
  expect(harness.excluding('a', 'b', 'c').picks(2)).toEqual(['none', 'none']);
  expect(harness.excluding().picks(3).join('')).toBe('bca');
});

test('frequent health changes do not favour any endpoint that stays', () => {
  const harness = new PolicyHarness(roundRobin(), ['a', 'b', 'c', 'd'], { seed: 2 });
  const counts: Record<string, number> = {};
  for (let i = 0; i < 6_000; i++) {
    const [id = ''] = harness.excluding(...(i % 2 === 0 ? ['d'] : [])).picks(1);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  const { a = 0, b = 0, c = 0 } = counts;
  expect(Math.max(a, b, c) - Math.min(a, b, c), JSON.stringify(counts)).toBeLessThan(60);
});

test('each tier of local-first has its own position', () => {
  const given = [
    ...fleet(2, { host: 'here' }, 'h'),
    { id: 'gone', host: 'here', weight: 3, closed: true },
    'x',
    'y',
  ];
  const harness = new PolicyHarness(localFirst(roundRobin()), given, { seed: 4 });
  const ids = harness.picks(400);
  const near = ids.filter((id) => id.startsWith('h'));
  const far = ids.filter((id) => !id.startsWith('h'));
  for (const tier of [near, far]) {
    expect(tier.length).toBeGreaterThan(100);
    expect(tier).toEqual(tier.map((_, i) => tier[i % 2]));
    expect(tier[0]).not.toBe(tier[1]);
  }
});
