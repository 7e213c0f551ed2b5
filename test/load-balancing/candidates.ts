/** Candidates in short form, and a harness that runs a policy on them with a seed. */
import type { Candidate, SlowStart } from '../../src/core/candidate.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import type { LoadReport } from '../../src/core/load-report.js';
import type { Locality } from '../../src/core/locality.js';
import type { Picker, Policy } from '../../src/core/policy.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

/** A candidate in short form. An id alone is an open, idle endpoint of weight 1 without history. */
export interface CandidateSpec {
  readonly id: string;
  readonly weight?: number;
  readonly host?: string;
  readonly zone?: string;
  readonly pending?: number;
  readonly held?: number;
  readonly load?: number;
  /** Ejected: in `all`, but not in `candidates`. */
  readonly closed?: boolean;
  readonly epoch?: number;
  readonly state?: 'up' | 'draining' | 'suspect';
  /** Load report: utilization, calls per second, errors per second; received `agoMs` before the picks, default 60 s. */
  readonly report?: readonly [number, number, number?];
  readonly agoMs?: number;
  /** Slow start: time since its start and its window, in ms. */
  readonly slowStart?: readonly [number, number];
}

/** Time of the picks, unless a test sets another. */
export const pickTime = 1_000_000;

/** A candidate with state that a test can change. */
export interface FakeCandidate extends Candidate {
  endpoint: Candidate['endpoint'];
  status: Candidate['status'];
  pending: number;
  held: number;
  loadNow: number;
  loadReport: LoadReport | undefined;
  slowStart: SlowStart | undefined;
}

/** A load report as received. */
export function report(
  [utilization, callsPerSecond, errorsPerSecond = 0]: readonly [number, number, number?],
  receivedAt: number,
): LoadReport {
  return { utilization, callsPerSecond, errorsPerSecond, receivedAt };
}

export function fakeCandidate(given: string | CandidateSpec): FakeCandidate {
  const {
    id,
    pending = 0,
    held = 0,
    load = 0,
    closed = false,
    report: reported,
    agoMs = 60_000,
    slowStart,
    ...labels
  } = typeof given === 'string' ? { id: given } : given;
  return {
    endpoint: toEndpoint(
      { ...labels, id, address: 'http://127.0.0.1:1', host: labels.host ?? 'elsewhere' },
      'a test',
    ),
    status: closed ? 'closed' : 'open',
    latencyMs: 0,
    loadReport: reported && report(reported, pickTime - agoMs),
    slowStart: slowStart && { startedAt: pickTime - slowStart[0], windowMs: slowStart[1] },
    pending,
    held,
    loadNow: load,
    load() {
      return this.loadNow;
    },
  };
}

/** `count` candidates with the ids `a0`, `a1` … and the same labels. */
export function fleet(count: number, labels: Omit<CandidateSpec, 'id'> = {}, prefix = 'a'): CandidateSpec[] {
  return Array.from({ length: count }, (_, i) => ({ ...labels, id: `${prefix}${String(i)}` }));
}

export interface HarnessOptions {
  readonly seed: number;
  readonly locality?: Partial<Locality>;
}

/** Runs a policy on a set of candidates. */
export class PolicyHarness {
  readonly all: FakeCandidate[];
  draws = 0;
  /** Time of the picks. */
  now = pickTime;
  readonly #policy: Policy;
  readonly #locality: Locality;
  readonly #random: () => number;
  #picker: Picker;

  constructor(
    policy: Policy,
    given: readonly (string | CandidateSpec)[],
    { seed, locality }: HarnessOptions,
  ) {
    const random = seededRandom(seed);
    this.#random = () => {
      this.draws++;
      return random();
    };
    this.#policy = policy;
    this.#locality = { host: locality?.host ?? 'here', zone: locality?.zone };
    this.all = given.map(fakeCandidate);
    this.#picker = this.#prepare();
  }

  /** The candidate with an id, to be changed. */
  at(id: string): FakeCandidate {
    const found = this.all.find(({ endpoint }) => endpoint.id === id);
    if (found === undefined) throw new Error(`No candidate ${id}`);
    return found;
  }

  /** Prepares the policy again without these ids in `candidates`; they stay in `all`. */
  excluding(...ids: string[]): this {
    this.#picker = this.#prepare(ids);
    return this;
  }

  pick(affinity?: string): FakeCandidate | undefined {
    return this.#picker({ now: this.now, random: this.#random, affinity }) as FakeCandidate | undefined;
  }

  /** The ids of `count` picks; `none` where the policy picked no candidate. */
  picks(count: number, affinity?: string): string[] {
    return Array.from({ length: count }, () => this.pick(affinity)?.endpoint.id ?? 'none');
  }

  /** Number of picks by id, without ids that were never picked. */
  counts(count: number, affinity?: string): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const id of this.picks(count, affinity)) counts[id] = (counts[id] ?? 0) + 1;
    return counts;
  }

  #prepare(excluded: readonly string[] = []): Picker {
    const open = this.all.filter(
      ({ status, endpoint }) => status === 'open' && !excluded.includes(endpoint.id),
    );
    const candidates = open.some(({ endpoint }) => endpoint.weight > 0)
      ? open.filter(({ endpoint }) => endpoint.weight > 0)
      : open;
    return this.#policy.prepare({ candidates, all: this.all, locality: this.#locality });
  }
}
