/**
 * Parses responses of the bundled registry server. A response of the wrong shape is rejected with `REGISTRY_INVALID`,
 * so that the request is sent to the next server. Only the shape is checked here: the resolver validates all fields
 * later, as for any other registry.
 */
import type { EndpointInit } from '../../core/endpoint.js';
import { describeValue } from '../../core/describe-value.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import { loadError, type Load } from '../../core/load-report.js';
import type {
  AbsentResolution,
  BoundResolution,
  LinkResolution,
  ListEntry,
  Resolution,
  SearchEntry,
} from '../../core/registry.js';
import { decodeError } from '../../protocol/error-codec.js';
import type {
  ListResponse,
  ResolveResponse,
  SearchResponse,
  WatchEntry,
  EndpointMessage,
} from '../../protocol/messages.js';
import type { RegistryConnection, RegistryResponse } from '../../registry-client/connection.js';

/** Lifetime of an absent name, in ms. @see [C1.5](../../../docs/guarantees.md#c1-5) */
const absentTtlMs = 1_000;

/** Returns the body of a successful response. @throws {@link ClerkError} the error in any other response */
export function expectBody(
  response: RegistryResponse,
  connection: RegistryConnection,
  path: string,
): unknown {
  if (response.status === 200) return response.body;
  throw decodeError(response.status, response.body, `Request ${path} to ${connection.url}`);
}

/**
 * Parses the response to a lookup. `NAME_NOT_FOUND` becomes an absent resolution.
 *
 * @throws {@link ClerkError} the error in any other error response
 */
export function parseResolveResponse(
  response: RegistryResponse,
  connection: RegistryConnection,
  path: string,
): Resolution {
  try {
    return toResolution(
      expectObject(expectBody(response, connection, path), connection, 'endpoints') as ResolveResponse,
      connection,
    );
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_NOT_FOUND') return absentResolution(response);
    throw error;
  }
}

/** Returns the resolution of a name that is absent. An empty `revision` or `incarnation` is left out. */
export function absentResolution({
  revision,
  incarnation,
}: {
  readonly revision: string;
  readonly incarnation: string;
}): AbsentResolution {
  return Object.freeze({
    kind: 'absent',
    ttlMs: absentTtlMs,
    ...(revision !== '' && { revision }),
    ...(incarnation !== '' && { incarnation }),
  });
}

/** Parses the entry of a name in a watch event. A directory becomes absent, since a directory cannot be called. */
export function parseWatchEntry(entry: WatchEntry, connection: RegistryConnection): Resolution {
  const raw = expectObject(entry, connection) as WatchEntry;
  if (raw.kind !== 'link')
    return toResolution(expectObject(raw, connection, 'endpoints') as ResolveResponse, connection);
  const { target, guaranteedMs } = raw;
  return Object.freeze({
    kind: 'link',
    target,
    ...(guaranteedMs !== 0 && { guaranteedMs }),
  } satisfies LinkResolution);
}

function toResolution(raw: ResolveResponse, connection: RegistryConnection): Resolution {
  if ((raw.kind as string) === 'directory') return absentResolution(raw);
  if ((raw.kind as string) !== 'service')
    throw invalidResponseError(
      connection,
      `kind must be 'service' or 'directory'; got ${describeValue(raw.kind)}`,
    );
  const {
    canonical,
    endpoints,
    policy,
    timeoutMs,
    path,
    revision,
    incarnation,
    guaranteedMs,
    ttlMs,
    launchable,
    healthQueried,
  } = raw;
  return Object.freeze({
    kind: 'bound',
    endpoints: toEndpointInits(endpoints, connection),
    canonical,
    path,
    revision,
    incarnation,
    // 0 means no guarantee: the field is then left out, so that only `ttlMs` limits the use of the result.
    ...(guaranteedMs !== 0 && { guaranteedMs }),
    ttlMs,
    ...(policy !== null && { policy }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...((launchable as unknown) === true && { startable: true }),
    ...(healthQueried !== undefined && { healthQueried }),
  } satisfies BoundResolution);
}

/**
 * Converts endpoints from the form of the protocol into the form of the registry port. Fields that are null in the
 * protocol are left out.
 */
export function toEndpointInits(
  list: readonly EndpointMessage[],
  connection: RegistryConnection,
): readonly EndpointInit[] {
  return Object.freeze(
    Array.from(list as readonly unknown[], (item) => {
      const { id, epoch, addresses, weight, attributes, leaseMs, state, host, zone, version, load } =
        expectObject(item, connection, 'addresses') as EndpointMessage;
      return Object.freeze({
        id,
        epoch,
        addresses,
        weight,
        attributes,
        leaseMs,
        state,
        ...(host !== null && { host }),
        ...(zone !== null && { zone }),
        ...(version !== null && { version }),
        // An endpoint sends its load with each renewal, about every third of a lease. So the load is at most about half
        // a lease old. An invalid load is ignored.
        ...(loadError(load) === undefined && { load: { ...(load as Load), ageMs: leaseMs / 2 } }),
      });
    }),
  );
}

/** Parses one page of a listing. @throws {@link ClerkError} the error in an error response */
export function parseListResponse(
  response: RegistryResponse,
  connection: RegistryConnection,
  path: string,
): ListResponse {
  const page = expectObject(expectBody(response, connection, path), connection, 'entries') as ListResponse;
  for (const entry of page.entries as readonly unknown[])
    if (typeof (expectObject(entry, connection) as ListEntry).name !== 'string')
      throw invalidResponseError(connection, 'each entry must have a name');
  if (page.next !== null && typeof (page.next as unknown) !== 'string')
    throw invalidResponseError(connection, `next must be a string or null; got ${describeValue(page.next)}`);
  return page;
}

/** Parses the entries of a search. @throws {@link ClerkError} the error in an error response */
export function parseSearchResponse(
  response: RegistryResponse,
  connection: RegistryConnection,
  path: string,
): readonly SearchEntry[] {
  const { entries } = expectObject(
    expectBody(response, connection, path),
    connection,
    'entries',
  ) as SearchResponse;
  return Array.from(entries as readonly unknown[], (item) => {
    const { name, endpoints } = expectObject(
      item,
      connection,
      'endpoints',
    ) as SearchResponse['entries'][number];
    return { name, endpoints: toEndpointInits(endpoints, connection) };
  });
}

/**
 * Checks that a value is an object and, if `listKey` is given, has a list under that key.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the value is not an object or has no such list
 */
export function expectObject(value: unknown, connection: RegistryConnection, listKey?: string): object {
  if (typeof value !== 'object' || value === null)
    throw invalidResponseError(connection, `an object was expected; got ${describeValue(value)}`);
  if (listKey === undefined) return value;
  const list = (value as Record<string, unknown>)[listKey];
  if (!Array.isArray(list))
    throw invalidResponseError(connection, `${listKey} must be a list; got ${describeValue(list)}`);
  return value;
}

function invalidResponseError(connection: RegistryConnection, problem: string): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The response of ${connection.url} is invalid: ${problem}; check that the address belongs to a registry`,
  );
}
