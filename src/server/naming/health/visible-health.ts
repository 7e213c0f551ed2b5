/**
 * The health that lookups show for a service. When all usable endpoints of a service are suspect, lookups show no
 * endpoint as suspect. Then the clients that report are more likely wrong, and other clients have no better choice.
 * Envoy and Finagle call this panic mode.
 *
 * @see [C2.4](../../../../docs/guarantees.md#c2-4)
 */
import type { Registration, ServiceRegistrations } from '../state/name-entry.js';
import { endpointJson } from '../state/record-codec.js';

/** Endpoints that lookups show as suspect, and ids of the endpoints on which clients are asked for reports. */
export interface VisibleHealth {
  readonly suspects: ReadonlySet<Registration>;
  /** Ids of the endpoints on which clients are asked for reports, including all suspect endpoints. */
  readonly healthQueried: readonly string[];
}

const allHealthy: VisibleHealth = Object.freeze({
  suspects: new Set<Registration>(),
  healthQueried: Object.freeze([]),
});

/** Returns the visible health of a service. Does no work while all endpoints are healthy. */
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

/** Whether lookups show the endpoint as suspect. */
export function isVisiblySuspect({ status, entry }: Registration): boolean {
  if (status !== 'suspect') return false;
  for (const other of entry.service?.endpoints.values() ?? [])
    if (other.status !== 'suspect' && !other.draining) return true;
  return false;
}

const upState = '"state":"up"}';

/**
 * Returns the JSON that lookups show for an endpoint. `state` is the last field of the public JSON of a registration.
 */
export function visibleEndpointJson(registration: Registration, { suspects }: VisibleHealth): string {
  const json = endpointJson(registration.json);
  return suspects.has(registration) && json.endsWith(upState)
    ? `${json.slice(0, -upState.length)}"state":"suspect"}`
    : json;
}
