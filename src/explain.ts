/** Reads why a call would go where it would go off a site. */
import type { Answer } from './core/answer.js';
import type { Endpoint } from './core/endpoint.js';
import type { BindConfig } from './bind-config.js';
import type { ExplainedLeftOut, Explanation } from './explanation.js';
import { glance } from './glance.js';
import type { BindingSite } from './site.js';

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
    const standing = site.standing(member);
    leftOut.push({ endpoint: member.endpoint, why: standing === undefined ? why : `${standing}, ${why}` });
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
      standing: site.standing(candidate),
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
  member: {
    readonly endpoint: Endpoint;
    readonly status: string;
    readonly consecutiveFailures: number;
    readonly asideFor: string;
  },
  fits: boolean,
  config: BindConfig,
): string {
  if (!fits)
    return `version ${member.endpoint.version ?? 'unknown'} does not satisfy ${String(config.version)}`;
  if (member.status === 'closed') {
    const { consecutiveFailures: failures } = member;
    const many = failures === 1 ? 'a failure' : `${String(failures)} failures in a row`;
    return `set aside after ${many} (${member.asideFor}); probed until it gives a sign of life`;
  }
  const { state } = member.endpoint;
  const what =
    state === 'up' ? 'weight 0' : state === 'suspect' ? 'suspect, says the registry to all clerks' : state;
  return `${what}: used only if there is nothing else`;
}
