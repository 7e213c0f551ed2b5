import type { Endpoint } from '../core/endpoint.js';
import type { EndpointReport } from '../core/registry.js';

/** The fields of an endpoint's state that a verdict is derived from. Instants are on the monotonic clock, in ms. */
export interface EndpointEvidence {
  readonly endpoint: Endpoint;
  /**
   * When the endpoint was ejected or first failed with hard evidence, whichever came first; 0 while the endpoint is
   * healthy.
   */
  readonly unhealthySince: number;
  /** Time of the latest refused, reset or timed-out attempt. */
  readonly lastHardFailureAt: number;
  /** When a call or probe last failed to reach the endpoint. */
  readonly lastUnreachableAt: number;
  /** When the endpoint last responded to a call or a probe; 0 before that. */
  readonly lastHeardAt: number;
}

/** How long a response counts as evidence, in ms. */
const reachableForMs = 10_000;
/**
 * How long a failure to reach an endpoint counts as evidence, in ms. While the service is called, probes renew the
 * evidence every 7 s or more often.
 */
const unreachableForMs = 15_000;

/**
 * Creates a report for each tracked endpoint for which there is recent evidence.
 *
 * @param ids - the ids of the tracked endpoints, as the keys of a map
 * @param name - the name of the service after following all links
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
 * The verdict on one endpoint. Undefined without recent evidence, or when an unhealthy endpoint has responded since its
 * last hard failure.
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

/** Ids of the endpoints that are suspect in `current` and were not suspect in `previous`. */
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
