/** Candidates as a test writes them, and a policy at work on them with a seed. */
import type { Candidate } from '../../src/core/candidate.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import type { Picker, Policy, Standpoint } from '../../src/core/policy.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

/** One candidate: an id alone is an open, idle endpoint of weight 1 that nothing is known of. */
export interface Given {
  readonly id: string;
  readonly weight?: number;
  readonly host?: string;
  readonly zone?: string;
  readonly pending?: number;
  readonly load?: number;
  /** Set aside: not on the roster, still part of the whole. */
  readonly closed?: boolean;
}

/** A candidate whose state a test may change. */
export interface Standin extends Candidate {
  pending: number;
  loadNow: number;
}

export function standin(given: string | Given): Standin {
  const {
    id,
    pending = 0,
    load = 0,
    closed = false,
    ...labels
  } = typeof given === 'string' ? { id: given } : given;
  return {
    endpoint: toEndpoint(
      { ...labels, id, address: 'http://127.0.0.1:1', host: labels.host ?? 'elsewhere' },
      'a test',
    ),
    status: closed ? 'closed' : 'open',
    latencyMs: 0,
    report: undefined,
    warming: undefined,
    pending,
    loadNow: load,
    load() {
      return this.loadNow;
    },
  };
}

/** `count` candidates called `a0`, `a1` …, all with the same labels. */
export function fleet(count: number, labels: Omit<Given, 'id'> = {}, prefix = 'a'): Given[] {
  return Array.from({ length: count }, (_, i) => ({ ...labels, id: `${prefix}${String(i)}` }));
}

export interface Setting {
  readonly seed: number;
  readonly standpoint?: Partial<Standpoint>;
}

/** A policy prepared for one fleet. */
export class Choosing {
  readonly all: Standin[];
  draws = 0;
  readonly #policy: Policy;
  readonly #standpoint: Standpoint;
  readonly #random: () => number;
  #picker: Picker;

  constructor(policy: Policy, given: readonly (string | Given)[], { seed, standpoint }: Setting) {
    const random = seededRandom(seed);
    this.#random = () => {
      this.draws++;
      return random();
    };
    this.#policy = policy;
    this.#standpoint = { host: standpoint?.host ?? 'here', zone: standpoint?.zone };
    this.all = given.map(standin);
    this.#picker = this.#prepare();
  }

  /** The candidate of that id, to be changed. */
  at(id: string): Standin {
    const found = this.all.find(({ endpoint }) => endpoint.id === id);
    if (found === undefined) throw new Error(`No candidate ${id}`);
    return found;
  }

  /** Prepares anew without those ids; they stay part of the whole. */
  without(...ids: string[]): this {
    this.#picker = this.#prepare(ids);
    return this;
  }

  pick(affinity?: string): Standin | undefined {
    return this.#picker({ now: 1_000, random: this.#random, affinity }) as Standin | undefined;
  }

  /** Ids of so many picks; `nobody` for none. */
  picks(count: number, affinity?: string): string[] {
    return Array.from({ length: count }, () => this.pick(affinity)?.endpoint.id ?? 'nobody');
  }

  /** How often each was picked, by id; those never picked are absent. */
  counts(count: number, affinity?: string): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const id of this.picks(count, affinity)) counts[id] = (counts[id] ?? 0) + 1;
    return counts;
  }

  #prepare(left: readonly string[] = []): Picker {
    const open = this.all.filter(({ status, endpoint }) => status === 'open' && !left.includes(endpoint.id));
    const candidates = open.some(({ endpoint }) => endpoint.weight > 0)
      ? open.filter(({ endpoint }) => endpoint.weight > 0)
      : open;
    return this.#policy.prepare({ candidates, all: this.all, standpoint: this.#standpoint });
  }
}
