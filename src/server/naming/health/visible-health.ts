/**
 * The health of a service as lookups show it. When every usable endpoint of a service is suspect, none is shown as
 * suspect: then the reporting clients are more likely wrong, and clients have no better choice. This is the panic
 * mode of Envoy and Finagle.
 *
 * @see [C2.4](../../../../docs/guarantees.md#c2-4)
 */
import type { Registration, ServiceRegistrations } from '../state/name-entry.js';
import { endpointJson } from '../state/record-codec.js';

/** The endpoints of a service that are shown as suspect, and the ids of those that clients are asked about. */
export interface VisibleHealth {
  readonly suspects: ReadonlySet<Registration>;
  /** Includes the suspects. */
  readonly healthQueried: readonly string[];
}

const allHealthy: VisibleHealth = Object.freeze({
  suspects: new Set<Registration>(),
  healthQueried: Object.freeze([]),
});

/** The visible health of a service. Does no work while all endpoints are healthy. */
export function visibleHealth(service: ServiceRegistrations | undefined): VisibleHealth {
  if (service === undefined || service.unhealthyCount === 0) return allHealthy;
  const suspects = new Set<Registration>();
  const healthQueried: string[] = [];
  let usable = 0;
  for (const registration of service.endpoints.values()) {
    const { status, draining, id } = registration;
    if (status !== 'healthy') healthQueried.push(id);
    if (status === 'suspect') suspects.add(registration);
    else if (!draining) usable++;
  }
  return { suspects: usable > 0 ? suspects : allHealthy.suspects, healthQueried };
}

/** Whether lookups show an endpoint as suspect. */
export function isVisiblySuspect({ status, entry }: Registration): boolean {
  if (status !== 'suspect') return false;
  for (const other of entry.service?.endpoints.values() ?? [])
    if (other.status !== 'suspect' && !other.draining) return true;
  return false;
}

const upState = '"state":"up"}';

/** An endpoint as lookups show it, as JSON. The state is the last field of a registration's public JSON. */
export function visibleEndpointJson(registration: Registration, { suspects }: VisibleHealth): string {
  const json = endpointJson(registration.json);
  return suspects.has(registration) && json.endsWith(upState)
    ? `${json.slice(0, -upState.length)}"state":"suspect"}`
    : json;
}
