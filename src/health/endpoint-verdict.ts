import type { Endpoint } from '../core/endpoint.js';
import type { EndpointReport } from '../core/registry.js';

/** The fields of {@link EndpointState} from which the verdict on an endpoint is derived. */
export interface EndpointEvidence {
  readonly endpoint: Endpoint;
  readonly unhealthySince: number;
  readonly lastHardFailureAt: number;
  readonly lastUnreachableAt: number;
  readonly lastHeardAt: number;
}

/** How long a response of a healthy endpoint proves that the endpoint is reachable, in ms. */
const reachableForMs = 10_000;
/** How long a failure proves that an unhealthy endpoint is unreachable, in ms. Failed probes renew this proof. */
const unreachableForMs = 15_000;

/**
 * Creates a report for each member whose id is a key of `ids` and for which `verdictOf` returns a verdict.
 *
 * @param ids - ids of the endpoints to report, as the keys of a map; the values are not used
 * @param name - canonical name of the service: the name behind all links
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
    // If nothing has proved since the outage began that the endpoint is unreachable, the endpoint is only suspect.
    return lastHardFailureAt > lastHeardAt &&
      lastUnreachableAt >= unhealthySince &&
      now - lastUnreachableAt <= unreachableForMs
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
