import { definedFields } from './defined-fields.js';
import type { Endpoint, EndpointInit } from './endpoint.js';

/** Converts an endpoint to an input of `toEndpoint` that gives the same endpoint. */
export function toEndpointInit({ address: _first, keys, ...rest }: Endpoint): EndpointInit {
  const [key, formerKey] = keys;
  return definedFields({ ...rest, key, formerKey });
}
