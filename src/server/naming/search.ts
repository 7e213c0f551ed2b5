import { ClerkError } from '../../core/errors.js';
import { limits } from '../../protocol/limits.js';
import type { EndpointMessage, SearchResponse } from '../../protocol/lookup-messages.js';
import type { NameVisibility } from '../ports.js';
import { visibleEndpointJson, visibleHealth } from './health/visible-health.js';
import { parseRootedGlob, scanNames } from './matching-names.js';
import type { ServiceRegistrations } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';
import { endpointBytes, isStarting } from './state/record-codec.js';

/** Greatest cost of a search; 1 is about a microsecond. */
const maxCost = 500_000;
/** Longer values are compared only after the JSON was parsed, because the text search may take length × length. */
const maxSearchedLength = 64;

/**
 * Finds endpoints in the services whose names match a glob. Each endpoint has all values in `filter`. Omits endpoints
 * that are starting. Yields the cost of each part of the work.
 *
 * @param now - monotonic clock, whose time is recorded as that at which the endpoints were shown
 * @param text - glob
 * @param filter - required values by key; a key is `zone`, `host`, `version` or the name of an attribute
 * @throws {@link ClerkError} `LIMIT_EXCEEDED` when more than 1,000 services have a matching endpoint, or the matching
 *   endpoints are larger than the largest service, or the search reads too many names and endpoints
 * @see [Naming N7](../../../docs/background.md#n7)
 */
export function* searchEndpoints(
  state: NamingState,
  now: () => number,
  text: string,
  filter: Readonly<Record<string, string>>,
  isVisible?: NameVisibility,
): Generator<number, SearchResponse['entries']> {
  const entries: { name: string; endpoints: EndpointMessage[] }[] = [];
  const shown: ServiceRegistrations[] = [];
  let bytes = 0;
  let cost = 0;
  const wanted = Object.entries(filter);
  const jsonParts = wanted
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .filter(({ length }) => length <= maxSearchedLength);
  for (const { name, matches } of scanNames(state, parseRootedGlob(state, text), undefined)) {
    yield 3;
    cost += 3;
    if (cost > maxCost)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `The search reads too many names and endpoints; search with a narrower glob than ${text}`,
      );
    if (!matches || !state.entries.has(name) || isVisible?.(name) === false) continue;
    const endpoints: EndpointMessage[] = [];
    const service = state.entries.get(name)?.service;
    const health = visibleHealth(service);
    for (const registration of state.endpoints(name)) {
      if (isStarting(registration.json)) continue;
      const endpointCost = 1 + registration.json.length / 50;
      yield endpointCost;
      cost += endpointCost;
      // The text search rejects most endpoints without parsing their JSON.
      if (!jsonParts.every((part) => registration.json.includes(part))) continue;
      const endpoint = JSON.parse(visibleEndpointJson(registration, health)) as EndpointMessage;
      if (!wanted.every(([key, value]) => valueOf(endpoint, key) === value)) continue;
      endpoints.push(endpoint);
      bytes += endpointBytes(endpoint.id, registration.json) + (endpoints.length === 1 ? name.length : 0);
      if (bytes > limits.maxServiceBytes)
        throw new ClerkError(
          'LIMIT_EXCEEDED',
          `The matching endpoints have more than ${limits.maxServiceBytes} bytes of JSON; search with a narrower glob than ${text}, or with more filters`,
        );
    }
    if (service === undefined || endpoints.length === 0) continue;
    if (entries.length >= limits.maxBatch)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `More than ${limits.maxBatch} services have a matching endpoint; search with a narrower glob than ${text}`,
      );
    service.endpointsShownAt = now();
    shown.push(service);
    entries.push({ name, endpoints });
  }
  for (const service of shown) service.endpointsShownAt = now();
  return entries;
}

function valueOf(endpoint: EndpointMessage, key: string): string | null | undefined {
  if (key === 'zone' || key === 'host' || key === 'version') return endpoint[key];
  return Object.hasOwn(endpoint.attributes, key) ? endpoint.attributes[key] : undefined;
}
