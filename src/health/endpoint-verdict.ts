import type { Endpoint } from '../core/endpoint.js';
import type { EndpointReport } from '../core/registry.js';

/**
 * The fields of an endpoint's state from which the verdict, `reachable` or `unreachable`, is derived. All instants are
 * in ms on the monotonic clock.
 */
export interface EndpointEvidence {
  readonly endpoint: Endpoint;
  /**
   * When the current outage began: at the ejection or at the first hard failure, whichever came first. A hard failure
   * is a refused, reset or unanswered attempt. 0 while the endpoint is healthy.
   */
  readonly unhealthySince: number;
  /** When an attempt was last refused, reset or unanswered; for an unanswered attempt, the start of the attempt. */
  readonly lastHardFailureAt: number;
  /** When a call or probe last failed to reach the endpoint. */
  readonly lastUnreachableAt: number;
  /** When the endpoint last responded to a call or a probe; 0 before the first response. */
  readonly lastHeardAt: number;
}

/** How long a response of a healthy endpoint proves that the endpoint is reachable, in ms. */
const reachableForMs = 10_000;
/**
 * How long a failure to reach an unhealthy endpoint proves that the endpoint is unreachable, in ms. While the service
 * receives calls, failed probes renew this proof every 7 s or more often.
 */
const unreachableForMs = 15_000;

/**
 * Creates a report for each member that is in `ids` and for which `verdictOf` returns a verdict.
 *
 * @param ids - ids of the endpoints to report, as the keys of a map; the values are not used
 * @param name - name of the service, after following all links
 */
export function collectReports(
  members: readonly EndpointEvidence[],
  ids: ReadonlyMap<string, unknown>,
  name: string,
  now: number,
): readonly EndpointReport[] {
  const reports: EndpointReport[] = [];
  for (const member of members) {
    const { id, epoch } = member.endpoint;
    const verdict = ids.has(id) ? verdictOf(member, now) : undefined;
    if (verdict !== undefined) reports.push({ name, id, epoch, verdict });
  }
  return reports;
}

/**
 * Returns the verdict on one endpoint. Returns undefined when the last response or failure is too long ago. Also
 * returns undefined when an unhealthy endpoint has responded since its last hard failure.
 */
export function verdictOf(
  { unhealthySince, lastHardFailureAt, lastUnreachableAt, lastHeardAt }: Omit<EndpointEvidence, 'endpoint'>,
  now: number,
): EndpointReport['verdict'] | undefined {
  if (unhealthySince !== 0)
    return lastHardFailureAt > lastHeardAt && now - lastUnreachableAt <= unreachableForMs
      ? 'unreachable'
      : undefined;
  return lastHeardAt !== 0 && now - lastHeardAt <= reachableForMs ? 'reachable' : undefined;
}

/** Returns the ids of the endpoints that are suspect in `current` and were not suspect in `previous`. */
export function newlySuspect(
  previous: readonly Endpoint[] | undefined,
  current: readonly Endpoint[],
): readonly string[] {
  const suspects = current.filter(({ state }) => state === 'suspect').map(({ id }) => id);
  if (suspects.length === 0) return suspects;
  const previousSuspects = new Set(
    (previous ?? []).filter(({ state }) => state === 'suspect').map(({ id }) => id),
  );
  return suspects.filter((id) => !previousSuspects.has(id));
}
