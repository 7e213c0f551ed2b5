import { strict as assert } from 'node:assert';
import type { Candidate } from '../../core/candidate.js';
import { toEndpoint, type EndpointInit } from '../../core/endpoint.js';
import type { PickContext, Picker, Policy } from '../../core/policy.js';
import { seededRandom } from '../seeded-random.js';
import type { SuiteCase } from './suite-case.js';

/** Options of {@link policySuite}. */
export interface PolicySuiteOptions {
  /** Creates a policy for the `policy` option of `bind`. Called once per case. */
  readonly create: () => Policy;
}

const picksPerCase = 200;

/**
 * Conformance suite of a policy, for any test runner. The suite checks that a policy picks only from the candidates
 * passed to `prepare`, and makes the same picks with the same seed.
 *
 * @example
 * ```ts
 * for (const { name, run } of policySuite({ create: () => roundRobin() })) test(name, run);
 * ```
 * @see [C2.5](../../../docs/guarantees.md#c2-5)
 */
export function policySuite({ create }: PolicySuiteOptions): readonly SuiteCase[] {
  return [
    {
      name: 'has a name without spaces',
      run: async () => {
        assert.match(create().name, /^\S+$/);
      },
    },
    {
      name: 'picks only candidates that it was prepared with',
      run: async () => {
        for (const count of [1, 2, 3, 10]) {
          const all = candidateList(count + 2);
          const candidates = all.slice(0, count);
          for (const picked of pickMany(preparePicker(create(), candidates, all), seededRandom(count))) {
            assert.ok(picked !== undefined && candidates.includes(picked), `picked ${idOf(picked)}`);
          }
        }
      },
    },
    {
      name: 'picks undefined when there is no candidate',
      run: async () => {
        const policy = create();
        assert.deepEqual(new Set(pickMany(preparePicker(policy, []), seededRandom(1))), new Set([undefined]));
        assert.deepEqual(
          new Set(pickMany(preparePicker(policy, [], candidateList(3)), seededRandom(1))),
          new Set([undefined]),
        );
      },
    },
    {
      name: 'picks the only candidate at any load',
      run: async () => {
        const only = candidateList(1, { weight: 0 });
        const busy = only.map((candidate) => ({ ...candidate, pending: 1_000, load: () => 2 ** 31 }));
        assert.deepEqual(new Set(pickMany(preparePicker(create(), busy), seededRandom(1))), new Set(busy));
      },
    },
    {
      name: 'makes the same picks with the same seed',
      run: async () => {
        const run = (): string[] =>
          pickMany(preparePicker(create(), candidateList(5)), seededRandom(42)).map(idOf);
        assert.deepEqual(run(), run());
      },
    },
    {
      name: 'picks only from the new candidates after a change',
      run: async () => {
        const policy = create();
        const all = candidateList(6);
        const random = seededRandom(3);
        for (const part of [all, all.slice(0, 2), all.slice(3), all.slice(5), [], all.slice(1, 4)]) {
          for (const picked of pickMany(preparePicker(policy, part, all), random)) {
            if (part.length === 0) assert.equal(picked, undefined);
            else assert.ok(picked !== undefined && part.includes(picked), `picked ${idOf(picked)}`);
          }
        }
      },
    },
    {
      name: 'still picks after it was prepared many times with the same candidates',
      run: async () => {
        const policy = create();
        const all = candidateList(3);
        const random = seededRandom(4);
        for (let i = 0; i < 50; i++) {
          const [picked] = pickMany(preparePicker(policy, all), random, 1);
          assert.ok(picked !== undefined && all.includes(picked), `picked ${idOf(picked)}`);
        }
      },
    },
    {
      name: 'accepts weights, zones, hosts, versions and affinity keys of all kinds',
      run: async () => {
        const all = [
          ...candidateList(2, { weight: 0.001, zone: 'here', host: 'host' }, 'near'),
          ...candidateList(2, { weight: 1_000_000, zone: 'there', version: '2.0.0' }, 'far'),
          ...candidateList(2, { attributes: { colour: 'blue' } }, 'plain'),
        ];
        const picker = preparePicker(create(), all);
        for (const affinity of [undefined, '', 'a', 'ключ', 'x'.repeat(10_000)]) {
          for (const picked of pickMany(picker, seededRandom(5), picksPerCase, affinity)) {
            assert.ok(picked !== undefined && all.includes(picked), `picked ${idOf(picked)}`);
          }
        }
      },
    },
    {
      name: 'returns a candidate synchronously, not a promise',
      run: async () => {
        const [picked] = pickMany(preparePicker(create(), candidateList(2)), seededRandom(6), 1);
        assert.equal(typeof (picked as { then?: unknown } | undefined)?.then, 'undefined');
        assert.equal(typeof picked?.endpoint.id, 'string');
      },
    },
  ];
}

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
      latencyMs: 1 + i,
      loadReport: undefined,
      slowStart: undefined,
      load: () => (1 + i) * (1 + i),
    };
  });
}

function idOf(candidate: Candidate | undefined): string {
  return candidate === undefined ? 'undefined' : candidate.endpoint.id;
}
