/**
 * Checks the shape of responses. A response of a wrong shape is rejected with `REGISTRY_INVALID`, and the request is
 * sent to the next server. The values of fields are checked by the validating resolver.
 */
import { definedFields } from '../../core/defined-fields.js';
import type { EndpointInit } from '../../core/endpoint.js';
import { describeValue } from '../../core/describe-value.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import type { AbsentResolution, Resolution, SearchEntry } from '../../core/registry.js';
import type { EndpointMessage, ListResponse, ResolveResponse } from '../../protocol/lookup-messages.js';
import type { WatchEntry } from '../../protocol/watch-messages.js';
import { decodeEndpoint, decodeResolution, positionOf } from '../../protocol/resolution-codec.js';
import type { RegistryConnection, RegistryResponse } from '../../registry-client/connection.js';
import { clampWeights } from './clamp-weights.js';
import { expectBody } from '../../registry-client/json-response.js';
import type { Page } from './read-pages.js';

type Fields = Readonly<Record<string, unknown>>;

/** @see [C1.5](../../../docs/guarantees.md#c1-5) */
const absentTtlMs = 1_000;

/** `NAME_NOT_FOUND` becomes an absent resolution. */
export function parseResolveResponse(
  response: RegistryResponse,
  connection: RegistryConnection,
  path: string,
): Resolution {
  try {
    return toResolution(expectBody(response, connection, path), connection);
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_NOT_FOUND') return absentResolution(response);
    throw error;
  }
}

export function absentResolution({
  revision,
  incarnation,
  position = '',
}: {
  readonly revision: string;
  readonly incarnation: string;
  readonly position?: string;
}): AbsentResolution {
  return Object.freeze(
    definedFields({
      kind: 'absent',
      ttlMs: absentTtlMs,
      revision: revision || undefined,
      incarnation: incarnation || undefined,
      position: position || undefined,
    }),
  );
}

/** @param statedAt - when the registry read the entry, on the monotonic clock of the clerk */
export function parseWatchEntry(
  entry: unknown,
  connection: RegistryConnection,
  statedAt: number,
): Resolution {
  const raw = expectObject(entry, connection) as unknown as WatchEntry;
  if (raw.kind !== 'link') {
    const resolution = toResolution(raw, connection);
    return resolution.kind === 'bound' ? Object.freeze({ ...resolution, statedAt }) : resolution;
  }
  const { target, guaranteedMs } = raw;
  return Object.freeze(
    definedFields({ kind: 'link', target, guaranteedMs: guaranteedMs || undefined, statedAt }),
  );
}

/** A directory or group becomes an absent resolution, because clients cannot call it. */
function toResolution(body: unknown, connection: RegistryConnection): Resolution {
  const raw = expectObject(body, connection);
  checkEndpoints(raw, connection);
  const response = raw as unknown as ResolveResponse;
  if (raw.kind === 'directory' || raw.kind === 'group')
    return absentResolution({ ...response, position: positionOf(response) ?? '' });
  if (raw.kind === 'service') {
    const resolution = decodeResolution(response);
    return Object.freeze({
      ...resolution,
      endpoints: clampWeights(resolution.endpoints as readonly EndpointInit[]),
    });
  }
  throw invalidResponseError(
    connection,
    `kind must be 'service', 'directory' or 'group'; got ${describeValue(raw.kind)}`,
  );
}

export function parseEndpoints(body: unknown, connection: RegistryConnection): readonly EndpointInit[] {
  return Object.freeze(
    clampWeights(
      checkEndpoints(expectObject(body, connection), connection).map((endpoint) => decodeEndpoint(endpoint)),
    ),
  );
}

function checkEndpoints(raw: Fields, connection: RegistryConnection): readonly EndpointMessage[] {
  const list = expectList(raw, 'endpoints', connection);
  for (const item of list) expectList(expectObject(item, connection), 'addresses', connection);
  return list as readonly EndpointMessage[];
}

export function parseListResponse(body: unknown, connection: RegistryConnection): ListResponse {
  const page = expectPage(body, connection);
  for (const entry of expectList(page, 'entries', connection))
    if (typeof expectObject(entry, connection).name !== 'string')
      throw invalidResponseError(connection, 'each entry must have a name that is a string');
  return page as unknown as ListResponse;
}

export function parseSearchPage(body: unknown, connection: RegistryConnection): Page<SearchEntry> {
  const page = expectPage(body, connection);
  const entries = expectList(page, 'entries', connection).map((item) => {
    const { name } = expectObject(item, connection) as { readonly name: string };
    return { name, endpoints: parseEndpoints(item, connection) };
  });
  return { ...(page as unknown as Page<unknown>), entries };
}

function expectPage(body: unknown, connection: RegistryConnection): Fields {
  const page = expectObject(body, connection);
  if (page.next === null || typeof page.next === 'string') return page;
  throw invalidResponseError(connection, `next must be a string or null; got ${describeValue(page.next)}`);
}

export function expectObject(value: unknown, connection: RegistryConnection): Fields {
  if (typeof value === 'object' && value !== null) return value as Fields;
  throw invalidResponseError(connection, `an object was expected; got ${describeValue(value)}`);
}

export function expectList(fields: Fields, key: string, connection: RegistryConnection): readonly unknown[] {
  const list = fields[key];
  if (Array.isArray(list)) return list;
  throw invalidResponseError(connection, `${key} must be a list; got ${describeValue(list)}`);
}

function invalidResponseError(connection: RegistryConnection, problem: string): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The response of ${connection.url} is invalid: ${problem}. Check that this is the URL of a registry server`,
  );
}
