/** What a clerk knows of endpoints from its own calls and probes, in the words in which registries are told. */
import type { Endpoint } from '../core/endpoint.js';
import type { EndpointReport } from '../core/registry.js';

/** What is read of a member of an endpoint table. */
export interface EndpointEvidence {
  readonly endpoint: Endpoint;
  /** When it was set aside, or began to refuse; 0 while it is well. */
  readonly unhealthySince: number;
  /** How late the newest hard evidence is. */
  readonly lastHardFailureAt: number;
  /** When a call or a probe last found it unreachable. */
  readonly lastUnreachableAt: number;
  /** When anything was last heard of it. */
  readonly lastHeardAt: number;
}

/** An answer that is older says nothing of now, in ms. */
const reachableForMs = 10_000;
/** Probes are at most some 7 s apart while calls arrive: where none was missed for so long, nobody calls; in ms. */
const unreachableForMs = 15_000;

/** What is known lately of those members of a service that somebody wants to know of. */
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

/** What is known of one; undefined where nothing lately, or only that it answers badly. */
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

/** Instance ids of those that a registry marks now and did not before. */
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
