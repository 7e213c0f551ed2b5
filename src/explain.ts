/** Why a call would go where it would go: a plain record that prints well and serialises as it is. */
import type { Answer } from './core/answer.js';
import type { Endpoint } from './core/endpoint.js';
import type { Arc } from './core/registry.js';
import type { BindConfig } from './bind-config.js';
import { glance } from './glance.js';
import type { BindingSite } from './site.js';

/** One candidate as it stands. */
export interface ExplainedCandidate {
  /** Who. */
  readonly endpoint: Endpoint;
  /** `open`: may be chosen. `closed`: set aside. */
  readonly status: 'open' | 'closed';
  /** Attempts in flight. */
  readonly pending: number;
  /** Smoothed latency, in ms; 0 while nothing is known. */
  readonly latencyMs: number;
  /** What it last said of its own load, 0 idle to 1 full and above; undefined when it did not. */
  readonly utilization: number | undefined;
  /** What `load-aware` compares: lower is better. */
  readonly score: number;
}

/** One endpoint that cannot be chosen. */
export interface ExplainedLeftOut {
  /** Who. */
  readonly endpoint: Endpoint;
  /** In words. */
  readonly why: string;
}

/** What {@link Binding.explain} returns. */
export interface Explanation {
  /** The name that was bound. */
  readonly name: string;
  /** The name behind all links; undefined before the first look-up. */
  readonly canonical: string | undefined;
  /** How endpoints are chosen. */
  readonly policy: string;
  /** Those that a call would be chosen from. */
  readonly candidates: readonly ExplainedCandidate[];
  /** The others, and why. */
  readonly leftOut: readonly ExplainedLeftOut[];
  /** Revision of the answer. */
  readonly revision: string | undefined;
  /** The arcs that were followed. */
  readonly trail: readonly Arc[];
  /** Age of the look-up, in ms; undefined before the first one. */
  readonly ageMs: number | undefined;
  /** How long it may be used without asking, in ms from when it was sent. */
  readonly promiseMs: number | undefined;
  /** Whether the registry could not be asked again in time. */
  readonly stale: boolean;
  /** Repeats that the retry budget would allow now. */
  readonly retriesLeft: number;
  /** How long a call may take of which the program says nothing more, in ms. */
  readonly timeoutMs: number;
  /** How long a `GET` may take before another endpoint is asked, in ms. */
  readonly attemptLimitMs: number;
  /** All of that as a person reads it at one glance, a line an endpoint; Node prints an explanation so. */
  toString(): string;
}

/** Reads everything, changes nothing. */
export function explain(site: BindingSite, config: BindConfig): Explanation {
  const { target } = site;
  const now = site.clock.now();
  const { all, eligible, spared } = site.roster();
  const [fitting, chosenFrom] = [new Set(all), new Set(eligible)];
  const answer: Answer | undefined = target.answer;
  const leftOut: ExplainedLeftOut[] = [...target.leftOut];
  for (const member of target.table.members) {
    if (chosenFrom.has(member)) continue;
    const why = spared.has(member)
      ? `left to other clerks: this one uses ${String(eligible.length)} of ${String(eligible.length + spared.size)}`
      : whyNot(member, fitting.has(member), config);
    leftOut.push({ endpoint: member.endpoint, why });
  }
  const explanation: Explanation = {
    name: config.name,
    canonical: answer?.canonical,
    policy: site.policyName,
    candidates: eligible.map((candidate) => ({
      endpoint: candidate.endpoint,
      status: candidate.status,
      pending: candidate.pending,
      latencyMs: candidate.latencyMs,
      utilization: candidate.report?.utilization,
      score: candidate.load(now),
    })),
    leftOut,
    revision: answer?.revision,
    trail: answer?.trail ?? [],
    ageMs: answer === undefined ? undefined : now - answer.askedAt,
    promiseMs: answer?.ttlMs,
    stale: answer?.stale ?? false,
    retriesLeft: site.budget.available(now),
    timeoutMs: config.setsTime ? config.timeoutMs : (answer?.timeoutMs ?? config.timeoutMs),
    attemptLimitMs: site.limits.of('GET').limitAt(now),
  };
  const text = (): string => glance(explanation);
  // Hidden, so that it is all data to whoever copies, compares or serialises it.
  return Object.defineProperties(explanation, {
    toString: { value: text },
    [Symbol.for('nodejs.util.inspect.custom')]: { value: text },
  });
}

function whyNot(
  member: { readonly endpoint: Endpoint; readonly status: string; readonly consecutiveFailures: number },
  fits: boolean,
  config: BindConfig,
): string {
  if (!fits)
    return `version ${member.endpoint.version ?? 'unknown'} does not satisfy ${String(config.version)}`;
  if (member.status === 'closed') {
    const { consecutiveFailures: failures } = member;
    const many = failures === 1 ? 'a failure' : `${String(failures)} failures in a row`;
    return `set aside after ${many}; probed until it gives a sign of life`;
  }
  const { state } = member.endpoint;
  const what =
    state === 'up' ? 'weight 0' : state === 'suspect' ? 'suspect, says the registry to all clerks' : state;
  return `${what}: used only if there is nothing else`;
}
