/**
 * The health of endpoints as lookups show it. If every endpoint of a service is suspect, draining or starting,
 * lookups show no endpoint as suspect (panic mode), because clients have no better endpoint.
 *
 * @see [C2.4](../../../../docs/guarantees.md#c2-4)
 */
import type { Registration, ServiceRegistrations } from '../state/name-entry.js';
import { endpointJson, isStarting } from '../state/record-codec.js';

export interface VisibleHealth {
  readonly suspects: ReadonlySet<Registration>;
  readonly healthQueried: readonly string[];
}

const allHealthy: VisibleHealth = Object.freeze({
  suspects: new Set<Registration>(),
  healthQueried: Object.freeze([]),
});

export function visibleHealth(service: ServiceRegistrations | undefined): VisibleHealth {
  if (service === undefined || service.unhealthyCount === 0) return allHealthy;
  const suspects = new Set<Registration>();
  const healthQueried: string[] = [];
  let usable = 0;
  for (const registration of service.endpoints.values()) {
    const { status, draining, id, json } = registration;
    if (isStarting(json)) continue;
    if (status !== 'healthy') healthQueried.push(id);
    if (status === 'suspect') suspects.add(registration);
    else if (!draining) usable++;
  }
  return { suspects: usable > 0 ? suspects : allHealthy.suspects, healthQueried };
}

export function isVisiblySuspect(registration: Registration): boolean {
  const { status, entry } = registration;
  return status === 'suspect' && visibleHealth(entry.service).suspects.has(registration);
}

const upState = '"state":"up"}';

/** Returns the JSON of an endpoint with its visible state. Relies on `state` being the last field. */
export function visibleEndpointJson(registration: Registration, { suspects }: VisibleHealth): string {
  const json = endpointJson(registration.json);
  return suspects.has(registration) && json.endsWith(upState)
    ? `${json.slice(0, -upState.length)}"state":"suspect"}`
    : json;
}
