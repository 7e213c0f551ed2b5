import { describe, expect, test } from 'vitest';
import {
  affinity,
  leastPending,
  primary,
  weighted,
  loadAware,
  localFirst,
  random,
  roundRobin,
} from 'binding-clerk';
import type { Policy, PolicyFunction } from 'binding-clerk/extend';
import { policySuite } from 'binding-clerk/testing';

const policies: Record<string, () => Policy | PolicyFunction> = {
  'a function':
    () =>
    (candidates, { random }) =>
      candidates[Math.floor(random() * candidates.length)],
  random,
  'round-robin': roundRobin,
  'load-aware': loadAware,
  'least-pending': leastPending,
  'local-first over load-aware': () => localFirst(loadAware()),
  'local-first over weighted': () => localFirst(weighted()),
  weighted,
  affinity,
  primary,
};

for (const [policyName, create] of Object.entries(policies)) {
  describe(policyName, () => {
    for (const { name, run } of policySuite({ create })) test(name, run);
  });
}

const broken: Record<string, Policy> = {
  'a policy that picks endpoints outside its candidates': {
    name: 'outside',
    prepare:
      ({ all }) =>
      () =>
        all.at(-1),
  },
  'a policy that keeps its first candidates': (() => {
    let first: readonly unknown[] | undefined;
    return {
      name: 'first',
      prepare:
        ({ candidates }) =>
        () =>
          (first ??= candidates)[0] as never,
    };
  })(),
  'a policy with its own randomness': {
    name: 'own-random',
    prepare: ({ candidates }) => {
      let count = Number(process.hrtime.bigint() % 1_000n);
      return () => candidates[(count = (count * 7 + 3) % 1_009) % Math.max(candidates.length, 1)];
    },
  },
};

for (const [what, policy] of Object.entries(broken)) {
  test(`the suite rejects ${what}`, async () => {
    const results = await Promise.allSettled(policySuite({ create: () => policy }).map(({ run }) => run()));
    expect(results.some(({ status }) => status === 'rejected')).toBe(true);
  });
}
