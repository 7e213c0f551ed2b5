import { strict as assert } from 'node:assert';
import type { Candidate } from '../../core/candidate.js';
import { toEndpoint, type EndpointInit } from '../../core/endpoint.js';
import { functionPolicy } from '../../core/function-policy.js';
import type { PickContext, Picker, Policy, PolicyFunction } from '../../core/policy.js';
import { seededRandom } from '../seeded-random.js';
import type { SuiteCase } from './suite-case.js';

/** Options of {@link policySuite}. */
export interface PolicySuiteOptions {
  /** Creates a policy, or returns a function, for the `policy` option of `bind`. Called at least once per case. */
  readonly create: () => Policy | PolicyFunction;
}

const picksPerCase = 200;

/**
 * Conformance suite of a policy, for any test runner. The suite checks that a policy picks only candidates passed to
 * `prepare`, and that equal seeds give equal picks.
 *
 * @example
 * ```ts
 * for (const { name, run } of policySuite({ create: () => roundRobin() })) test(name, run);
 * ```
 * @see [C2.5](../../../docs/guarantees.md#c2-5)
 */
export function policySuite({ create }: PolicySuiteOptions): readonly SuiteCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name,
    run: async () =>
      check(() => {
        const given = create();
        return typeof given === 'function' ? functionPolicy(given) : given;
      }),
  }));
}

const cases: Readonly<Record<string, (create: () => Policy) => void>> = {
  'has a name without spaces': (create) => {
    assert.match(create().name, /^\S+$/);
  },
  'picks only from the candidates passed to prepare()': (create) => {
    for (const count of [1, 2, 3, 10]) {
      const all = candidateList(count + 2);
      const candidates = all.slice(0, count);
      assertPicks(pickMany(preparePicker(create(), candidates, all), seededRandom(count)), candidates);
    }
  },
  'picks undefined when there is no candidate': (create) => {
    assertPicks(pickMany(preparePicker(create(), []), seededRandom(1)), []);
    assertPicks(pickMany(preparePicker(create(), [], candidateList(3)), seededRandom(1)), []);
  },
  'picks the only candidate at any load': (create) => {
    const only = candidateList(1, { weight: 0 });
    const busy = only.map((candidate) => ({ ...candidate, pending: 1_000, load: () => 2 ** 31 }));
    assertPicks(pickMany(preparePicker(create(), busy), seededRandom(1)), busy);
  },
  'makes the same picks with the same seed': (create) => {
    const run = (): string[] =>
      pickMany(preparePicker(create(), candidateList(5)), seededRandom(42)).map(idOf);
    assert.deepEqual(run(), run());
  },
  'picks only from the new candidates after a change': (create) => {
    const policy = create();
    const all = candidateList(6);
    const random = seededRandom(3);
    for (const part of [all, all.slice(0, 2), all.slice(3), all.slice(5), [], all.slice(1, 4)])
      assertPicks(pickMany(preparePicker(policy, part, all), random), part);
  },
  'still picks after many calls of prepare() with the same candidates': (create) => {
    const policy = create();
    const all = candidateList(3);
    const random = seededRandom(4);
    for (let i = 0; i < 50; i++) assertPicks(pickMany(preparePicker(policy, all), random, 1), all);
  },
  'accepts weights, zones, hosts, versions and affinity keys of all kinds': (create) => {
    const all = [
      ...candidateList(2, { weight: 0.001, zone: 'here', host: 'host' }, 'near'),
      ...candidateList(2, { weight: 1_000, zone: 'there', version: '2.0.0' }, 'far'),
      ...candidateList(2, { attributes: { colour: 'blue' } }, 'plain'),
    ];
    const picker = preparePicker(create(), all);
    for (const affinity of [undefined, '', 'a', 'ключ', 'x'.repeat(10_000)])
      assertPicks(pickMany(picker, seededRandom(5), picksPerCase, affinity), all);
  },
  'returns a candidate synchronously, not a promise': (create) => {
    const all = candidateList(2);
    assertPicks(pickMany(preparePicker(create(), all), seededRandom(6), 1), all);
  },
};

function preparePicker(policy: Policy, candidates: readonly Candidate[], all = candidates): Picker {
  return policy.prepare({ candidates, all, locality: { host: 'host', zone: 'here' } });
}

function pickMany(
  picker: Picker,
  random: () => number,
  count = picksPerCase,
  affinity?: string,
): (Candidate | undefined)[] {
  return Array.from({ length: count }, (_, i) => {
    const context: PickContext = { now: 1_000 + i, random, affinity };
    return picker(context);
  });
}

function candidateList(count: number, labels: Omit<EndpointInit, 'address'> = {}, prefix = 'e'): Candidate[] {
  return Array.from({ length: count }, (_, i): Candidate => {
    const id = `${prefix}-${String(i)}`;
    const endpoint = toEndpoint({ ...labels, id, address: `http://${id}:80` }, 'the policy suite');
    return {
      endpoint,
      status: 'open',
      pending: i,
      held: 0,
      latencyMs: 1 + i,
      loadReport: undefined,
      slowStart: undefined,
      load: () => (1 + i) * (1 + i),
    };
  });
}

function assertPicks(picks: readonly (Candidate | undefined)[], candidates: readonly Candidate[]): void {
  for (const picked of picks) {
    const isValid = picked === undefined ? candidates.length === 0 : candidates.includes(picked);
    assert.ok(
      isValid,
      `a picker must return a candidate, or undefined if there is none; got ${idOf(picked)}`,
    );
  }
}

function idOf(candidate: Candidate | undefined): string {
  return candidate === undefined ? 'undefined' : candidate.endpoint.id;
}
