import { limits } from '../../protocol/limits.js';
import type { EndpointMessage, SearchResponse } from '../../protocol/lookup-messages.js';
import type { NameVisibility } from '../ports.js';
import { visibleEndpointJson, visibleHealth } from './health/visible-health.js';
import { parseRootedGlob, scanNames } from './matching-names.js';
import type { ServiceRegistrations } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';
import { endpointBytes, isStarting } from './state/record-codec.js';

/** Maximum cost of a page; a cost of 1 is about a microsecond. */
const maxCostPerPage = 500_000;
/**
 * Maximum length of a text that is searched in JSON. Longer values are compared after parsing, because a text search
 * may need quadratic time.
 */
const maxSearchedLength = 64;

interface SearchOptions {
  readonly glob: string;
  /** Required values by key; a key is `id`, `zone`, `host`, `version` or the name of an attribute. */
  readonly filter: Readonly<Record<string, string>>;
  readonly after: string | undefined;
  readonly isVisible?: NameVisibility | undefined;
}

type SearchPage = Pick<SearchResponse, 'entries' | 'next'>;

/**
 * Finds the endpoints that have all values of the filter, in services whose names match a glob. Reads services in
 * order of their names, from the first one after `after`. Omits endpoints that are starting. Yields the cost of each
 * part of the work.
 *
 * A page ends after 1,000 services, after half a second of work, or before it exceeds the maximum size of one
 * service.
 *
 * @param now - monotonic clock; its time is recorded as the time at which the endpoints were shown
 * @see [Naming N7](../../../docs/background.md#n7)
 */
export function* searchPage(
  state: NamingState,
  now: () => number,
  { glob, filter, after, isVisible }: SearchOptions,
): Generator<number, SearchPage> {
  const entries: { name: string; endpoints: readonly EndpointMessage[] }[] = [];
  const shown: ServiceRegistrations[] = [];
  const matching = endpointMatcher(state, filter);
  let bytes = 0;
  let cost = 0;
  let next = after;
  let hasMore = false;
  for (const { name, matches } of scanNames(state, parseRootedGlob(state, glob), after)) {
    hasMore = cost > maxCostPerPage;
    if (hasMore) break;
    yield 3;
    cost += 3;
    const service = matches && isVisible?.(name) !== false ? state.entries.get(name)?.service : undefined;
    if (service !== undefined) {
      const found = yield* matching(name);
      cost += found.cost;
      if (found.endpoints.length > 0) {
        const size = found.bytes + name.length;
        const isFull = entries.length >= limits.maxBatch || bytes + size > limits.maxServiceBytes;
        hasMore = isFull && entries.length > 0;
        if (hasMore) break;
        bytes += size;
        service.endpointsShownAt = now();
        shown.push(service);
        entries.push({ name, endpoints: found.endpoints });
      }
    }
    next = name;
  }
  for (const service of shown) service.endpointsShownAt = now();
  return { entries, next: hasMore ? (next ?? null) : null };
}

interface MatchingEndpoints {
  readonly endpoints: readonly EndpointMessage[];
  readonly bytes: number;
  readonly cost: number;
}

function endpointMatcher(
  state: NamingState,
  filter: Readonly<Record<string, string>>,
): (name: string) => Generator<number, MatchingEndpoints> {
  const wanted = Object.entries(filter);
  const jsonParts = wanted
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .filter(({ length }) => length <= maxSearchedLength);
  return function* (name) {
    const endpoints: EndpointMessage[] = [];
    let bytes = 0;
    let cost = 0;
    const health = visibleHealth(state.entries.get(name)?.service);
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
      bytes += endpointBytes(endpoint.id, registration.json);
    }
    return { endpoints, bytes, cost };
  };
}

function valueOf(endpoint: EndpointMessage, key: string): string | null | undefined {
  if (key === 'id' || key === 'zone' || key === 'host' || key === 'version') return endpoint[key];
  return Object.hasOwn(endpoint.attributes, key) ? endpoint.attributes[key] : undefined;
}
