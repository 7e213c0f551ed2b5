import type { Endpoint } from '../core/endpoint.js';
import type { EndpointReport } from '../core/registry.js';

/** The fields of an endpoint's state that a verdict is derived from. Instants are on the monotonic clock, in ms. */
export interface EndpointEvidence {
  readonly endpoint: Endpoint;
  /** When the endpoint was ejected or began to refuse connections; 0 while healthy. */
  readonly unhealthySince: number;
  /** Time of the latest refused, reset or timed-out attempt. */
  readonly lastHardFailureAt: number;
  /** When a call or probe last failed to reach the endpoint. */
  readonly lastUnreachableAt: number;
  /** When the endpoint last responded. */
  readonly lastHeardAt: number;
}

/** A response counts as evidence for this long, in ms. */
const reachableForMs = 10_000;
/** A failure counts as evidence for this long, in ms. Probes are at most 7 s apart while the service is called. */
const unreachableForMs = 15_000;

/**
 * Reports on the endpoints that are tracked, where there is recent evidence.
 *
 * @param ids - of the tracked endpoints
 * @param name - of the service after following all links
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

/** The verdict on one endpoint; undefined without recent evidence, or when it responds but with failures. */
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

/** Ids of the endpoints that are suspect in `current` and were not in `previous`. */
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
