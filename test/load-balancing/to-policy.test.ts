import { expect, test } from 'vitest';
import type { Candidate } from '../../src/core/candidate.js';
import { isClerkError } from '../../src/core/errors.js';
import type { Policy } from '../../src/core/policy.js';
import { toPolicy } from '../../src/load-balancing/to-policy.js';
import { PolicyHarness, fakeCandidate, pickTime } from './candidates.js';

function thrownBy(run: () => unknown): { code: string; message: string; cause: unknown } {
  try {
    run();
  } catch (error) {
    if (isClerkError(error)) return { code: error.code, message: error.message, cause: error.cause };
    throw error;
  }
  throw new Error('No error was thrown');
}

test('every name gives the policy of that name', () => {
  const names = [
    'local-first',
    'random',
    'round-robin',
    'load-aware',
    'least-pending',
    'weighted',
    'affinity',
    'primary',
  ] as const;
  for (const name of names) expect(toPolicy(name).name).toBe(name);
});

test('a name gives a new policy each time, so that bindings do not share its state', () => {
  expect(toPolicy('round-robin')).not.toBe(toPolicy('round-robin'));
});

test('a policy object is used as it is', () => {
  const mine: Policy = { name: 'mine', prepare: () => () => undefined };
  expect(toPolicy(mine)).toBe(mine);
});

test.each(['fastest', 'toString', '__proto__', ''])("'%s' is not a policy name", (name) => {
  const { code, message } = thrownBy(() => toPolicy(name as 'random'));
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toContain(`'${name}'`);
  expect(message).toContain(
    'local-first, random, round-robin, load-aware, least-pending, weighted, affinity, primary',
  );
});

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  [7, '7'],
  [{}, 'an object'],
  [{ name: 'x' }, 'an object'],
  [{ name: '', prepare: () => undefined }, 'an object'],
])('%o is not a policy', (value, what) => {
  const { code, message } = thrownBy(() => toPolicy(value as never));
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toContain(`; got ${what}`);
});

test('a function picks from the candidates, and the policy has its name', () => {
  const lastOne = (candidates: readonly Candidate[]): Candidate | undefined => candidates.at(-1);
  const policy = toPolicy(lastOne);
  expect(policy.name).toBe('lastOne');
  expect(toPolicy(() => undefined).name).toBe('function');
  const harness = new PolicyHarness(policy, ['a', 'b', 'c'], { seed: 1 });
  expect(harness.picks(2)).toEqual(['c', 'c']);
  expect(harness.excluding('c').picks(1)).toEqual(['b']);
  expect(harness.excluding('a', 'b', 'c').picks(1)).toEqual(['none']);
});

test('a function gets the time, the random numbers and the affinity key of the call', () => {
  const byKey = toPolicy((candidates, { now, random, affinity }) => {
    expect(now).toBe(pickTime);
    expect(random()).toBeLessThan(1);
    return candidates.find(({ endpoint }) => endpoint.id === affinity);
  });
  const harness = new PolicyHarness(byKey, ['a', 'b'], { seed: 1 });
  expect(harness.picks(1, 'b')).toEqual(['b']);
  expect(harness.picks(1, 'c')).toEqual(['none']);
});

test.each([
  ['another candidate', (): unknown => fakeCandidate('a'), 'an object'],
  ['the endpoint alone', ([first]: readonly Candidate[]): unknown => first?.endpoint, 'an object'],
  ['a promise', async ([first]: readonly Candidate[]): Promise<unknown> => first, 'a promise'],
  ['an id', (): unknown => 'a', "'a'"],
  ['null', (): unknown => null, 'null'],
])('a function that returns %s fails the call', (_, pick, what) => {
  const harness = new PolicyHarness(toPolicy(pick as never), ['a', 'b'], { seed: 1 });
  const { code, message } = thrownBy(() => harness.pick());
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toContain(`must return one of its 2 candidates, or undefined to pick none; got ${what}`);
});

test('a former candidate is rejected', () => {
  const { all } = new PolicyHarness(toPolicy('random'), ['a', 'b'], { seed: 1 });
  const first = all[0]!;
  const policy = toPolicy(() => first);
  const locality = { host: 'here', zone: undefined };
  const context = { now: 1, random: () => 0, affinity: undefined };
  expect(policy.prepare({ candidates: all, all, locality })(context)).toBe(first);
  expect(thrownBy(() => policy.prepare({ candidates: all.slice(1), all, locality })(context)).code).toBe(
    'CONFIG_INVALID',
  );
});

test('a function that throws fails the call with its error as the cause', () => {
  const cause = new Error('No shard for this key');
  const harness = new PolicyHarness(
    toPolicy(function byShard() {
      throw cause;
    }),
    ['a'],
    { seed: 1 },
  );
  expect(thrownBy(() => harness.pick())).toEqual({
    code: 'CONFIG_INVALID',
    message: 'The policy byShard threw: No shard for this key',
    cause,
  });
});

test('a function cannot modify the list of candidates', () => {
  const greedy = toPolicy((candidates) => (candidates as Candidate[]).pop());
  const harness = new PolicyHarness(greedy, ['a', 'b'], { seed: 1 });
  expect(thrownBy(() => harness.pick()).code).toBe('CONFIG_INVALID');
  expect(harness.all).toHaveLength(2);
});
