/** Candidates as a test writes them, and a policy at work on them with a seed. */
import type { Candidate, SlowStart } from '../../src/core/candidate.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import type { LoadReport } from '../../src/core/load-report.js';
import type { Picker, Policy, Locality } from '../../src/core/policy.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

/** One candidate: an id alone is an open, idle endpoint of weight 1 that nothing is known of. */
export interface CandidateSpec {
  readonly id: string;
  readonly weight?: number;
  readonly host?: string;
  readonly zone?: string;
  readonly pending?: number;
  readonly load?: number;
  /** Set aside: not on the roster, still part of the whole. */
  readonly closed?: boolean;
  readonly epoch?: number;
  readonly state?: 'up' | 'draining' | 'suspect';
  /** What it reports: utilization, calls a second, errors a second; `agoMs` before the picks. Default 60 s. */
  readonly report?: readonly [number, number, number?];
  readonly agoMs?: number;
  /** A slow start: how long it has lasted and lasts, in ms. */
  readonly warming?: readonly [number, number];
}

/** When picks are made, unless a test says otherwise. */
export const pickTime = 1_000_000;

/** A candidate whose state a test may change. */
export interface FakeCandidate extends Candidate {
  endpoint: Candidate['endpoint'];
  status: Candidate['status'];
  pending: number;
  loadNow: number;
  loadReport: LoadReport | undefined;
  slowStart: SlowStart | undefined;
}

/** A report as it arrives. */
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
    load = 0,
    closed = false,
    report: reported,
    agoMs = 60_000,
    warming,
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
    slowStart: warming && { startedAt: pickTime - warming[0], windowMs: warming[1] },
    pending,
    loadNow: load,
    load() {
      return this.loadNow;
    },
  };
}

/** `count` candidates called `a0`, `a1` …, all with the same labels. */
export function fleet(count: number, labels: Omit<CandidateSpec, 'id'> = {}, prefix = 'a'): CandidateSpec[] {
  return Array.from({ length: count }, (_, i) => ({ ...labels, id: `${prefix}${String(i)}` }));
}

export interface HarnessOptions {
  readonly seed: number;
  readonly standpoint?: Partial<Locality>;
}

/** A policy prepared for one fleet. */
export class PolicyHarness {
  readonly all: FakeCandidate[];
  draws = 0;
  /** When picks are made. */
  now = pickTime;
  readonly #policy: Policy;
  readonly #standpoint: Locality;
  readonly #random: () => number;
  #picker: Picker;

  constructor(
    policy: Policy,
    given: readonly (string | CandidateSpec)[],
    { seed, standpoint }: HarnessOptions,
  ) {
    const random = seededRandom(seed);
    this.#random = () => {
      this.draws++;
      return random();
    };
    this.#policy = policy;
    this.#standpoint = { host: standpoint?.host ?? 'here', zone: standpoint?.zone };
    this.all = given.map(fakeCandidate);
    this.#picker = this.#prepare();
  }

  /** The candidate of that id, to be changed. */
  at(id: string): FakeCandidate {
    const found = this.all.find(({ endpoint }) => endpoint.id === id);
    if (found === undefined) throw new Error(`No candidate ${id}`);
    return found;
  }

  /** Prepares anew without those ids; they stay part of the whole. */
  excluding(...ids: string[]): this {
    this.#picker = this.#prepare(ids);
    return this;
  }

  pick(affinity?: string): FakeCandidate | undefined {
    return this.#picker({ now: this.now, random: this.#random, affinity }) as FakeCandidate | undefined;
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
    return this.#policy.prepare({ candidates, all: this.all, locality: this.#standpoint });
  }
}
