import { definedFields } from '../core/defined-fields.js';
import type { ScheduledChange } from '../core/registry.js';
import type { ResolvedService } from '../core/resolution-result.js';
import type { EndpointState } from '../health/endpoint-state.js';
import { AttemptTimeout, maxTimeoutMs } from '../invoke/attempt-timeout.js';
import type { BindConfig } from './bind-config.js';
import type { ExcludedEndpoint, Explanation } from './explanation.js';
import { formatExplanation } from './explanation-text.js';
import type { BindingCallContext } from './binding-call-context.js';

export function explainBinding(context: BindingCallContext, config: BindConfig): Explanation {
  const { service, picker } = context;
  const now = context.clock.now();
  const { matching, eligible, outsideSubset } = picker.candidates();
  const [matchingSet, eligibleSet] = [new Set(matching), new Set(eligible)];
  const resolution: ResolvedService | undefined = service.resolution;
  const leftOut: ExcludedEndpoint[] = service.excluded.map(({ endpoint, reason }) => ({ endpoint, reason }));
  for (const member of service.table.members) {
    if (eligibleSet.has(member)) continue;
    const reason = outsideSubset.has(member)
      ? `not in the subset of ${String(eligible.length)} of ${String(eligible.length + outsideSubset.size)} endpoints that this clerk uses`
      : exclusionReason(member, matchingSet.has(member), config.version, service.probe !== false);
    // The policy chooses only among endpoints of the version.
    const policyNote = matchingSet.has(member) ? picker.describe(member) : undefined;
    leftOut.push({
      endpoint: member.endpoint,
      reason: policyNote === undefined ? reason : `${policyNote}, ${reason}`,
    });
  }
  const timeoutMs = config.hasOwnTimeout ? config.timeoutMs : (resolution?.timeoutMs ?? config.timeoutMs);
  const { attemptTimeout, retries, budget, limits } = context.retryConfig(undefined);
  const { minMs, maxMs } = attemptTimeout;
  const expiresInMs = service.tickets.expiresInMs(now);
  const explanation: Explanation = {
    name: config.name,
    canonical: resolution?.canonical,
    policy: picker.policyName,
    proved: eligible.length > 0 && eligible.every(({ endpoint }) => endpoint.keys.length > 0),
    identity: service.clerk.credentials?.last?.name,
    ticket: expiresInMs === undefined ? undefined : { expiresInMs },
    candidates: eligible.map((candidate) => ({
      endpoint: candidate.endpoint,
      key: candidate.endpoint.keys[0],
      status: candidate.status,
      pending: candidate.pending,
      latencyMs: candidate.latencyMs,
      utilization: candidate.loadReport?.utilization,
      score: candidate.load(now),
      policyNote: picker.describe(candidate),
    })),
    leftOut,
    ...definedFields({ starting: resolution?.starting, scheduled: scheduledChanges(resolution, now) }),
    revision: resolution?.revision,
    path: resolution?.path ?? [],
    ageMs: resolution === undefined ? undefined : now - resolution.requestedAt,
    guaranteedMs: resolution && (resolution.guaranteedMs ?? 0),
    usableMs: resolution?.ttlMs,
    stale: resolution?.stale ?? false,
    retriesLeft: budget.available(now),
    timeoutMs,
    attemptTimeoutMs: context.timeouts
      .forRoute('GET', context.routeOf('GET', '/'))
      .timeoutMs(now, attemptTimeout, timeoutMs),
    initialAttemptTimeoutMs: new AttemptTimeout().timeoutMs(now, attemptTimeout, timeoutMs),
    learnedAttemptTimeouts: context.timeouts.learned(now).map(({ method, route, timeout }) => ({
      method,
      route,
      timeoutMs: timeout.timeoutMs(now, attemptTimeout, timeoutMs),
    })),
    settings: {
      minAttemptTimeoutMs: minMs,
      maxAttemptTimeoutMs: maxMs ?? Math.max(minMs, maxTimeoutMs, timeoutMs / 2),
      retries:
        retries === undefined ? false : { max: retries.max, statuses: [...retries.statuses], budget: limits },
      probe: service.probe,
    },
  };
  const text = (): string => formatExplanation(explanation);
  // Not enumerable, so that copies, comparisons and JSON contain only data.
  return Object.defineProperties(explanation, {
    toString: { value: text },
    [Symbol.for('nodejs.util.inspect.custom')]: { value: text },
  });
}

function scheduledChanges(
  resolution: ResolvedService | undefined,
  now: number,
): readonly ScheduledChange[] | undefined {
  return resolution?.scheduled?.map((change) => ({
    ...change,
    appliesInMs: Math.max(0, change.appliesInMs - (now - resolution.requestedAt)),
  }));
}

function exclusionReason(
  member: EndpointState,
  matches: boolean,
  version: string | undefined,
  isProbed: boolean,
): string {
  if (!matches) return `version ${member.endpoint.version ?? 'unknown'} does not satisfy ${String(version)}`;
  if (member.status === 'closed') {
    const end =
      isProbed && !member.isEjectedForFailures
        ? 'probed until the endpoint responds; the probe may be a call, which starts a second attempt after 20 ms'
        : 'used again when the ejection time ends, without a probe';
    return `ejected, since ${describeReason(member.ejectionReason, member.consecutiveFailures)}; ${end}`;
  }
  if (member.isSuspect)
    return `suspect, since ${describeReason(member.suspectReason, 0)}; used only as a last resort until the endpoint responds`;
  const { state } = member.endpoint;
  const note =
    state === 'up' ? 'weight 0' : state === 'suspect' ? 'suspect according to the registry' : state;
  return `${note}: used only as a last resort`;
}

function describeReason(reason: string, failures: number): string {
  switch (reason) {
    case 'refused':
      return 'the endpoint refused a connection';
    case 'reset':
      return 'the endpoint closed a connection before it responded';
    case 'timeout':
      return 'the endpoint did not respond in time';
    case 'connect-timeout':
      return 'the endpoint did not accept a connection in time';
    case 'failures':
      return failures > 1
        ? `too many responses of the endpoint were failures (the last ${String(failures)} in a row)`
        : 'too many responses of the endpoint were failures';
    default:
      return reason;
  }
}
