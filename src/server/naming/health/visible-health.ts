/**
 * What is shown of how endpoints stand. Where all of a service that could be called are suspect, none is shown as such:
 * then it is more likely that those who judge are wrong, and a mark on everybody helps nobody choose.
 *
 * @see promises C2.4 (panic)
 */
import { endpointJson } from '../state/records.js';
import type { Registration, ServiceRegistrations } from '../state/name-entry.js';

/** Endpoints of a service that are shown as suspect, and those that are asked about, which they are as well. */
export interface VisibleHealth {
  readonly suspects: ReadonlySet<Registration>;
  readonly healthQueried: readonly string[];
}

const allHealthy: VisibleHealth = Object.freeze({
  suspects: new Set<Registration>(),
  healthQueried: Object.freeze([]),
});

/** Who is marked; costs nothing where nobody is. */
export function visibleHealth(service: ServiceRegistrations | undefined): VisibleHealth {
  if (service === undefined || service.unhealthyCount === 0) return allHealthy;
  const suspects = new Set<Registration>();
  const doubted: string[] = [];
  let others = 0;
  for (const registration of service.endpoints.values()) {
    const { status, draining, id } = registration;
    if (status !== 'good') doubted.push(id);
    if (status === 'suspect') suspects.add(registration);
    else if (!draining) others++;
  }
  return { suspects: others > 0 ? suspects : allHealthy.suspects, healthQueried: doubted };
}

/** Whether one is shown as suspect. */
export function isVisiblySuspect({ status, entry }: Registration): boolean {
  if (status !== 'suspect') return false;
  for (const other of entry.service?.endpoints.values() ?? [])
    if (other.status !== 'suspect' && !other.draining) return true;
  return false;
}

const upState = '"state":"up"}';

/** An endpoint as look-ups show it now, as JSON. The state is the last thing that a registration's text says. */
export function visibleEndpointJson(registration: Registration, { suspects }: VisibleHealth): string {
  const part = endpointJson(registration.json);
  return suspects.has(registration) && part.endsWith(upState)
    ? `${part.slice(0, -upState.length)}"state":"suspect"}`
    : part;
}
