import { definedFields } from '../core/defined-fields.js';
import type { EndpointInit } from '../core/endpoint.js';
import { loadError } from '../core/load-report.js';
import type { BoundResolution } from '../core/registry.js';
import type { EndpointMessage, ResolveResponse } from './lookup-messages.js';

export function decodeResolution(response: ResolveResponse): BoundResolution {
  const {
    name: _name,
    endpoints,
    starting,
    policy,
    guaranteedMs,
    launchable,
    mark: _mark,
    ...rest
  } = response;
  return Object.freeze(
    definedFields({
      ...rest,
      kind: 'bound',
      position: positionOf(response),
      endpoints: Object.freeze(endpoints.map((endpoint) => decodeEndpoint(endpoint, response.incarnation))),
      starting: Array.isArray(starting) && starting.length > 0 ? starting.length : undefined,
      policy: policy ?? undefined,
      // 0 means no guarantee. In this case, only `ttlMs` limits the use of the result.
      guaranteedMs: guaranteedMs || undefined,
      startable: launchable || undefined,
    }),
  );
}

export function positionOf({
  incarnation,
  revision,
  mark = '',
}: Pick<ResolveResponse, 'incarnation' | 'revision' | 'mark'>): string | undefined {
  return mark === '' ? undefined : `${incarnation}:${revision}:${mark}`;
}

export function decodeEndpoint(
  { host, zone, version, load, state, ...rest }: EndpointMessage,
  incarnation = '',
): EndpointInit {
  const isLoad = load !== undefined && loadError(load) === undefined;
  return Object.freeze(
    definedFields({
      ...rest,
      // The state is never `starting`: only the field `starting` of a response lists such endpoints.
      state: state as EndpointInit['state'],
      host: host ?? undefined,
      zone: zone ?? undefined,
      version: version ?? undefined,
      incarnation: /^[0-9a-z]{1,64}$/.test(incarnation) ? incarnation : undefined,
      // The age of the load is unknown. An endpoint sends its load every third of a lease. Half a lease allows for a
      // late renewal.
      load: isLoad ? { ...load, ageMs: rest.leaseMs / 2 } : undefined,
    }),
  );
}
