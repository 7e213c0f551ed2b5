/** The filter of a search, as a function of an endpoint. */
import type { EndpointInit } from '../core/endpoint.js';

/** Whether an endpoint's zone, host, version, id or attributes equal all of a filter's. @see Naming N7 */
export function matchesFilter(endpoint: EndpointInit, filter: Readonly<Record<string, string>>): boolean {
  return Object.entries(filter).every(([key, value]) => {
    const own =
      key === 'zone' || key === 'host' || key === 'version' || key === 'id'
        ? endpoint[key]
        : endpoint.attributes?.[key];
    return own === value;
  });
}
