import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Locality } from '../../src/core/locality.js';
import type { PolicyName } from '../../src/core/policy.js';
import { toPolicy } from '../../src/load-balancing/to-policy.js';
import { PolicyHarness, type CandidateSpec } from './candidates.js';
import { chiSquareP } from './chi-square.js';

interface Case {
  readonly name: string;
  readonly source: string;
  readonly policy: PolicyName;
  readonly endpoints: readonly (string | CandidateSpec)[];
  readonly locality?: Partial<Locality>;
  readonly seed: number;
  readonly picks: number;
  readonly key?: string;
  readonly expect:
    | { readonly trace: string }
    | { readonly shares: Readonly<Record<string, number>> }
    | { readonly only: readonly string[] }
    | { readonly turn: readonly string[] }
    | { readonly one: true };
}

const spec = JSON.parse(readFileSync(new URL('../spec/select.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Case[];
};

for (const { name, policy, endpoints, locality = {}, seed, picks, key, expect: expected } of spec.cases) {
  test(name, () => {
    const harness = new PolicyHarness(toPolicy(policy), endpoints, { seed, locality });
    const ids = harness.picks(picks, key);
    const picked = [...new Set(ids)].sort();
    if ('trace' in expected) {
      expect(ids.join(' ')).toBe(expected.trace);
    } else if ('shares' in expected) {
      const counts: Record<string, number> = {};
      for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
      expect(chiSquareP(counts, expected.shares), JSON.stringify(counts)).toBeGreaterThan(0.001);
    } else if ('turn' in expected) {
      const begin = expected.turn.indexOf(ids[0] ?? '');
      expect(ids).toEqual(ids.map((_, i) => expected.turn[(begin + i) % expected.turn.length]));
    } else if ('only' in expected) {
      expect(picked).toEqual([...expected.only].sort());
    } else {
      expect(picked).toHaveLength(1);
    }
  });
}

test('every case has a source and a unique name', () => {
  expect(spec.cases.filter(({ source }) => source === undefined || source === '')).toEqual([]);
  expect(new Set(spec.cases.map(({ name }) => name)).size).toBe(spec.cases.length);
});

test('the same seed gives the same picks with every policy', () => {
  const names = [
    'random',
    'round-robin',
    'least-pending',
    'load-aware',
    'local-first',
    'weighted',
    'affinity',
    'primary',
  ] as const;
  const given = [
    'a',
    { id: 'b', weight: 3 },
    { id: 'c', host: 'here' },
    { id: 'd', host: 'here', closed: true },
  ];
  for (const name of names) {
    const run = (seed: number): string =>
      new PolicyHarness(toPolicy(name), given, { seed }).picks(60).join('');
    expect(run(5), name).toBe(run(5));
    if (name !== 'round-robin' && name !== 'primary') expect(run(5), name).not.toBe(run(6));
  }
});
