import { expect, test } from 'vitest';
import { primary } from '../../src/load-balancing/primary.js';
import { PolicyHarness, fleet, type CandidateSpec } from './candidates.js';

/** A `primary` policy under a sequence of changes: the endpoint that gets the calls, and the primary in `explain`. */
class PrimaryScenario {
  readonly policy = primary();
  readonly harness: PolicyHarness;

  constructor(given: readonly (string | CandidateSpec)[]) {
    this.harness = new PolicyHarness(this.policy, given, { seed: 1 });
  }

  get calls(): string {
    const [id = ''] = this.harness.excluding().picks(1);
    expect(new Set(this.harness.picks(20))).toEqual(new Set([id]));
    expect(this.harness.draws).toBe(0);
    return id;
  }

  /** The primary, after checking that it gets the calls itself. */
  get primary(): string {
    const { calls } = this;
    expect(this.described).toEqual([calls]);
    return calls;
  }

  get described(): readonly string[] {
    const { all } = this.harness;
    return all
      .filter((one) => this.policy.describe?.(one) === 'the primary')
      .map(({ endpoint }) => endpoint.id);
  }

  eject(...ids: string[]): this {
    for (const id of ids) this.harness.at(id).status = 'closed';
    return this;
  }

  recover(...ids: string[]): this {
    for (const id of ids) this.harness.at(id).status = 'open';
    return this;
  }

  /** The registry changes an endpoint. */
  update(
    id: string,
    labels: Partial<{ epoch: number; state: 'up' | 'draining' | 'suspect'; weight: number }>,
  ): this {
    const one = this.harness.at(id);
    one.endpoint = { ...one.endpoint, ...labels };
    return this;
  }

  /** The registry changes the list of endpoints. */
  list(...ids: string[]): this {
    const { all } = this.harness;
    const now = ids.map((id) => all.find(({ endpoint }) => endpoint.id === id) ?? newCandidate(id));
    all.splice(0, all.length, ...now);
    return this;
  }
}

function newCandidate(id: string): PolicyHarness['all'][number] {
  return new PolicyHarness(primary(), [id], { seed: 1 }).all[0]!;
}

test('the primary is the first endpoint of the registry, whatever its load, weight or locality', () => {
  const scenario = new PrimaryScenario([
    { id: 'a', weight: 0.1, load: 1e6, pending: 500 },
    { id: 'b', host: 'here' },
    'c',
  ]);
  expect(scenario.primary).toBe('a');
});

test('calls bypass an ejected primary, which stays the primary', () => {
  const scenario = new PrimaryScenario(['a', 'b', 'c']);
  expect(scenario.primary).toBe('a');
  expect(scenario.eject('a').calls).toBe('b');
  expect(scenario.described).toEqual(['a']);
  expect(scenario.eject('b').calls).toBe('c');
  expect(scenario.recover('b').calls).toBe('b');
  expect(scenario.recover('a').primary).toBe('a');
});

test('a client that starts while the primary is ejected uses it after its recovery', () => {
  const scenario = new PrimaryScenario([{ id: 'a', closed: true }, 'b']);
  expect(scenario.calls).toBe('b');
  expect(scenario.recover('a').primary).toBe('a');
});

test('neither a new first endpoint nor a new epoch changes the primary', () => {
  const scenario = new PrimaryScenario(['b']);
  expect(scenario.primary).toBe('b');
  expect(scenario.list('a', 'b').primary).toBe('b');
  expect(scenario.update('b', { epoch: 3 }).primary).toBe('b');
});

test.each([
  [
    'gone',
    (scenario: PrimaryScenario) => scenario.list('b', 'c'),
    (scenario: PrimaryScenario) => scenario.list('a', 'b', 'c'),
  ],
  [
    'draining',
    (scenario: PrimaryScenario) => scenario.update('a', { state: 'draining' }),
    (scenario: PrimaryScenario) => scenario.update('a', { state: 'up' }),
  ],
  [
    'suspect',
    (scenario: PrimaryScenario) => scenario.update('a', { state: 'suspect' }),
    (scenario: PrimaryScenario) => scenario.update('a', { state: 'up' }),
  ],
  [
    'weight 0',
    (scenario: PrimaryScenario) => scenario.update('a', { weight: 0 }),
    (scenario: PrimaryScenario) => scenario.update('a', { weight: 1 }),
  ],
] as const)(
  'the primary changes when the registry reports it as %s, and does not change back',
  (_, change, revert) => {
    const scenario = new PrimaryScenario(['a', 'b', 'c']);
    expect(scenario.primary).toBe('a');
    expect(change(scenario).primary).toBe('b');
    expect(revert(scenario).primary).toBe('b');
  },
);

test('an ejected endpoint can become the primary, and is bypassed', () => {
  const scenario = new PrimaryScenario(['a', 'b', 'c']);
  expect(scenario.primary).toBe('a');
  expect(scenario.eject('b').list('b', 'c').calls).toBe('c');
  expect(scenario.described).toEqual(['b']);
  expect(scenario.recover('b').primary).toBe('b');
});

test('draining, suspect and weightless endpoints are skipped', () => {
  const scenario = new PrimaryScenario(['a', { id: 'b', state: 'suspect' }, { id: 'c', weight: 0 }, 'd']);
  expect(scenario.primary).toBe('a');
  expect(scenario.update('a', { state: 'draining' }).primary).toBe('d');
});

test('the primary stays when all endpoints are suspect', () => {
  const scenario = new PrimaryScenario(['a', 'b']);
  expect(scenario.primary).toBe('a');
  expect(scenario.update('a', { state: 'draining' }).primary).toBe('b');
  scenario.update('a', { state: 'suspect' }).update('b', { state: 'suspect' });
  expect(scenario.primary).toBe('b');
});

test('a retry goes to another endpoint and does not change the primary', () => {
  const { harness } = new PrimaryScenario(['a', 'b', 'c']);
  expect(harness.picks(1)).toEqual(['a']);
  expect(harness.excluding('a').picks(2)).toEqual(['b', 'b']);
  expect(harness.excluding('a', 'b').picks(1)).toEqual(['c']);
  expect(harness.excluding().picks(2)).toEqual(['a', 'a']);
});

test('with no open endpoint the primary is still tried, and stays the primary', () => {
  const { all } = new PolicyHarness(primary(), fleet(3), { seed: 1 });
  const policy = primary();
  const pick = (...candidates: typeof all): unknown =>
    policy.prepare({ candidates, all, locality: { host: 'here', zone: undefined } })({
      now: 1,
      random: () => 0,
      affinity: undefined,
    });
  expect(pick(...all)).toBe(all[0]);
  for (const one of all) one.status = 'closed';
  expect(pick(...all)).toBe(all[0]);
  expect(pick(all[1]!, all[2]!)).toBe(all[1]);
  expect(pick()).toBeUndefined();
  for (const one of all) one.status = 'open';
  expect(pick(...all)).toBe(all[0]);
});
