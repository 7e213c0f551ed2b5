import { definedFields } from './defined-fields.js';
import type { Endpoint, EndpointInit } from './endpoint.js';

/** The opposite of `toEndpoint`. */
export function toEndpointInit({ address: _first, keys, ...rest }: Endpoint): EndpointInit {
  const [key, formerKey] = keys;
  return definedFields({ ...rest, key, formerKey });
}
