import { ClerkError } from '../../core/errors.js';
import { limits } from '../../protocol/limits.js';
import type { EndpointMessage, SearchResponse } from '../../protocol/lookup-messages.js';
import type { NameVisibility } from '../ports.js';
import { visibleEndpointJson, visibleHealth } from './health/visible-health.js';
import { matchingNames, parseRootedGlob } from './matching-names.js';
import type { NamingState } from './state/naming-state.js';
import { isStarting } from './state/record-codec.js';

/**
 * Finds endpoints in the services whose names match a glob. Each endpoint has all values in `filter`. Omits endpoints
 * that are starting.
 *
 * @param text - glob
 * @param filter - required values by key; a key is `zone`, `host`, `version` or the name of an attribute
 * @throws {@link ClerkError} `LIMIT_EXCEEDED` when more than 1,000 services have a matching endpoint
 * @see [Naming N7](../../../docs/background.md#n7)
 */
export function searchEndpoints(
  state: NamingState,
  text: string,
  filter: Readonly<Record<string, string>>,
  isVisible?: NameVisibility,
): SearchResponse['entries'] {
  const entries: { name: string; endpoints: EndpointMessage[] }[] = [];
  const wanted = Object.entries(filter);
  const jsonParts = wanted.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  for (const name of matchingNames(state, parseRootedGlob(state, text))) {
    if (isVisible?.(name) === false) continue;
    const endpoints: EndpointMessage[] = [];
    const health = visibleHealth(state.entries.get(name)?.service);
    for (const registration of state.endpoints(name)) {
      if (isStarting(registration.json)) continue;
      // The text search rejects most endpoints without parsing their JSON.
      if (!jsonParts.every((part) => registration.json.includes(part))) continue;
      const endpoint = JSON.parse(visibleEndpointJson(registration, health)) as EndpointMessage;
      if (wanted.every(([key, value]) => valueOf(endpoint, key) === value)) endpoints.push(endpoint);
    }
    if (endpoints.length === 0) continue;
    if (entries.length >= limits.maxBatch)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `More than ${limits.maxBatch} services have a matching endpoint; search with a narrower glob than ${text}`,
      );
    entries.push({ name, endpoints });
  }
  return entries;
}

function valueOf(endpoint: EndpointMessage, key: string): string | null | undefined {
  if (key === 'zone' || key === 'host' || key === 'version') return endpoint[key];
  return Object.hasOwn(endpoint.attributes, key) ? endpoint.attributes[key] : undefined;
}
