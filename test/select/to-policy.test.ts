import { expect, test } from 'vitest';
import type { Candidate } from '../../src/core/candidate.js';
import { isClerkError } from '../../src/core/errors.js';
import type { Policy } from '../../src/core/policy.js';
import { toPolicy } from '../../src/select/to-policy.js';
import { PolicyHarness, fakeCandidate, pickTime } from './candidates.js';

function refusal(run: () => unknown): { code: string; message: string; cause: unknown } {
  try {
    run();
  } catch (error) {
    if (isClerkError(error)) return { code: error.code, message: error.message, cause: error.cause };
    throw error;
  }
  throw new Error('Nothing was refused');
}

test('every word is the policy of that name', () => {
  const words = [
    'local-first',
    'random',
    'round-robin',
    'load-aware',
    'least-pending',
    'weighted',
    'affinity',
    'primary',
  ] as const;
  for (const word of words) expect(toPolicy(word).name).toBe(word);
});

test('a word gives a fresh policy: no two bindings share a turn', () => {
  expect(toPolicy('round-robin')).not.toBe(toPolicy('round-robin'));
});

test('a policy is used as it is', () => {
  const mine: Policy = { name: 'mine', prepare: () => () => undefined };
  expect(toPolicy(mine)).toBe(mine);
});

test.each(['fastest', 'toString', '__proto__', ''])("there is no policy '%s'", (word) => {
  const { code, message } = refusal(() => toPolicy(word as 'random'));
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toContain(`'${word}'`);
  expect(message).toContain(
    'local-first, random, round-robin, load-aware, least-pending, weighted, affinity, primary',
  );
});

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  [7, 'a number'],
  [{}, 'an object'],
  [{ name: 'x' }, 'an object'],
  [{ name: '', prepare: () => undefined }, 'an object'],
])('%o is no policy', (value, what) => {
  const { code, message } = refusal(() => toPolicy(value as never));
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toContain(`A policy cannot be ${what};`);
});

test('a function gets the candidates and chooses, with the name it has', () => {
  const lastOne = (candidates: readonly Candidate[]): Candidate | undefined => candidates.at(-1);
  const policy = toPolicy(lastOne);
  expect(policy.name).toBe('lastOne');
  expect(toPolicy(() => undefined).name).toBe('function');
  const choosing = new PolicyHarness(policy, ['a', 'b', 'c'], { seed: 1 });
  expect(choosing.picks(2)).toEqual(['c', 'c']);
  expect(choosing.excluding('c').picks(1)).toEqual(['b']);
  expect(choosing.excluding('a', 'b', 'c').picks(1)).toEqual(['nobody']);
});

test('a function is given the call: its time, chance and key', () => {
  const byKey = toPolicy((candidates, { now, random, affinity }) => {
    expect(now).toBe(pickTime);
    expect(random()).toBeLessThan(1);
    return candidates.find(({ endpoint }) => endpoint.id === affinity);
  });
  const choosing = new PolicyHarness(byKey, ['a', 'b'], { seed: 1 });
  expect(choosing.picks(1, 'b')).toEqual(['b']);
  expect(choosing.picks(1, 'c')).toEqual(['nobody']);
});

test.each([
  ['another candidate', (): unknown => fakeCandidate('a'), 'an object'],
  ['the endpoint alone', ([first]: readonly Candidate[]): unknown => first?.endpoint, 'an object'],
  ['a promise', async ([first]: readonly Candidate[]): Promise<unknown> => first, 'a promise'],
  ['an id', (): unknown => 'a', "'a'"],
  ['null', (): unknown => null, 'null'],
])('a function that returns %s fails the call', (_, rule, what) => {
  const choosing = new PolicyHarness(toPolicy(rule as never), ['a', 'b'], { seed: 1 });
  const { code, message } = refusal(() => choosing.pick());
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toContain(`returned ${what}, which is none of its 2 candidates`);
});

test('one that was a candidate before is a stranger now', () => {
  const { all } = new PolicyHarness(toPolicy('random'), ['a', 'b'], { seed: 1 });
  const first = all[0]!;
  const policy = toPolicy(() => first);
  const standpoint = { host: 'here', zone: undefined };
  const context = { now: 1, random: () => 0, affinity: undefined };
  expect(policy.prepare({ candidates: all, all, locality: standpoint })(context)).toBe(first);
  expect(
    refusal(() => policy.prepare({ candidates: all.slice(1), all, locality: standpoint })(context)).code,
  ).toBe('CONFIG_INVALID');
});

test('a function that throws fails the call, its error kept', () => {
  const cause = new Error('No shard for this key');
  const choosing = new PolicyHarness(
    toPolicy(function byShard() {
      throw cause;
    }),
    ['a'],
    { seed: 1 },
  );
  expect(refusal(() => choosing.pick())).toEqual({
    code: 'CONFIG_INVALID',
    message: 'The policy byShard threw: No shard for this key',
    cause,
  });
});

test('a function cannot change the list for those after it', () => {
  const greedy = toPolicy((candidates) => (candidates as Candidate[]).pop());
  const choosing = new PolicyHarness(greedy, ['a', 'b'], { seed: 1 });
  expect(refusal(() => choosing.pick()).code).toBe('CONFIG_INVALID');
  expect(choosing.all).toHaveLength(2);
});
