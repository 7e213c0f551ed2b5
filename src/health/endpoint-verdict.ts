import type { Endpoint } from '../core/endpoint.js';
import type { EndpointReport } from '../core/registry.js';

export interface EndpointEvidence {
  readonly endpoint: Endpoint;
  readonly unhealthySince: number;
  readonly lastHardFailureAt: number;
  readonly lastUnreachableAt: number;
  readonly lastHeardAt: number;
}

/** A response of a healthy endpoint proves for this time that the endpoint is reachable. */
const reachableForMs = 10_000;
/** A failure proves for this time that an unhealthy endpoint is unreachable. Each failed probe renews the proof. */
const unreachableForMs = 15_000;

/** Creates a report for each member whose id is a key of `ids`, if the verdict is known. */
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
 * Returns the verdict to report to the registry. Undefined if the last response or failure is too old, or if an
 * unhealthy endpoint has sent a response since a connection was last refused or lost.
 */
export function verdictOf(
  { unhealthySince, lastHardFailureAt, lastUnreachableAt, lastHeardAt }: Omit<EndpointEvidence, 'endpoint'>,
  now: number,
): EndpointReport['verdict'] | undefined {
  if (unhealthySince !== 0)
    // If no attempt or probe has found the endpoint unreachable since the outage began, the endpoint is only suspect
    // and is not reported.
    return lastHardFailureAt > lastHeardAt &&
      lastUnreachableAt >= unhealthySince &&
      now - lastUnreachableAt <= unreachableForMs
      ? 'unreachable'
      : undefined;
  return lastHeardAt !== 0 && now - lastHeardAt <= reachableForMs ? 'reachable' : undefined;
}

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
