/**
 * What the reference server's answers mean to a clerk. An answer of another form is `REGISTRY_INVALID`, so that another
 * server is asked; what is in it the clerk checks as it checks every registry's.
 */
import type { EndpointInit } from '../../core/endpoint.js';
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

/** For how long is believed that a name is absent, in ms. @see promises C1.5 */
const absentTtlMs = 1_000;

/** The body of an answer, or the refusal that it is. @throws a `ClerkError` */
export function expectBody(reply: RegistryResponse, peer: RegistryConnection, path: string): unknown {
  if (reply.status === 200) return reply.body;
  throw decodeError(reply.status, reply.body, `The question for ${path} at ${peer.url}`);
}

/** What a look-up answered. No such name is an answer. @throws a `ClerkError` */
export function parseResolveReply(
  reply: RegistryResponse,
  peer: RegistryConnection,
  path: string,
): Resolution {
  try {
    return toResolution(
      expectObject(expectBody(reply, peer, path), peer, 'endpoints') as ResolveResponse,
      peer,
    );
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_NOT_FOUND') return absentResolution(reply);
    throw error;
  }
}

/** A name that is not there, as of a position. */
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

/** A name in a watch. A directory is nothing that can be called. */
export function parseWatchEntry(entry: WatchEntry, peer: RegistryConnection): Resolution {
  const raw = expectObject(entry, peer) as WatchEntry;
  if (raw.kind !== 'link') return toResolution(expectObject(raw, peer, 'endpoints') as ResolveResponse, peer);
  const { target, guaranteedMs } = raw;
  return Object.freeze({
    kind: 'link',
    target,
    ...(guaranteedMs !== 0 && { guaranteedMs }),
  } satisfies LinkResolution);
}

function toResolution(raw: ResolveResponse, peer: RegistryConnection): Resolution {
  if ((raw.kind as string) === 'directory') return absentResolution(raw);
  if ((raw.kind as string) !== 'service') throw invalidReplyError(peer, 'neither a service nor a directory');
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
    endpoints: toEndpointInits(endpoints, peer),
    canonical,
    path,
    revision,
    incarnation,
    // Nothing promised is no promise of nothing: then the answer is a hint, for as long as it says.
    ...(guaranteedMs !== 0 && { guaranteedMs }),
    ttlMs,
    ...(policy !== null && { policy }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...((launchable as unknown) === true && { startable: true }),
    ...(healthQueried !== undefined && { healthQueried }),
  } satisfies BoundResolution);
}

/** Endpoints, in the words of a registry. */
export function toEndpointInits(
  list: readonly EndpointMessage[],
  peer: RegistryConnection,
): readonly EndpointInit[] {
  return Object.freeze(
    Array.from(list as readonly unknown[], (item) => {
      const { id, epoch, addresses, weight, attributes, leaseMs, state, host, zone, version, load } =
        expectObject(item, peer, 'addresses') as EndpointMessage;
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
        // It is told with renewals, one each third of a lease, give or take; what cannot be believed is not.
        ...(loadError(load) === undefined && { load: { ...(load as Load), ageMs: leaseMs / 2 } }),
      });
    }),
  );
}

/** One page of a listing. @throws a `ClerkError` */
export function parseListReply(
  reply: RegistryResponse,
  peer: RegistryConnection,
  path: string,
): ListResponse {
  const page = expectObject(expectBody(reply, peer, path), peer, 'entries') as ListResponse;
  for (const entry of page.entries as readonly unknown[])
    if (typeof (expectObject(entry, peer) as ListEntry).name !== 'string')
      throw invalidReplyError(peer, 'a nameless entry');
  if (page.next !== null && typeof (page.next as unknown) !== 'string')
    throw invalidReplyError(peer, 'a page that leads nowhere');
  return page;
}

/** What a search found. @throws a `ClerkError` */
export function parseSearchReply(
  reply: RegistryResponse,
  peer: RegistryConnection,
  path: string,
): readonly SearchEntry[] {
  const { entries } = expectObject(expectBody(reply, peer, path), peer, 'entries') as SearchResponse;
  return Array.from(entries as readonly unknown[], (item) => {
    const { name, endpoints } = expectObject(item, peer, 'endpoints') as SearchResponse['entries'][number];
    return { name, endpoints: toEndpointInits(endpoints, peer) };
  });
}

/** An object, with a list under `list` if that is given. @throws a `ClerkError` `REGISTRY_INVALID` */
export function expectObject(value: unknown, peer: RegistryConnection, list?: string): object {
  if (typeof value !== 'object' || value === null) throw invalidReplyError(peer, 'no object');
  if (list !== undefined && !Array.isArray((value as Record<string, unknown>)[list]))
    throw invalidReplyError(peer, `no list of ${list}`);
  return value;
}

function invalidReplyError(peer: RegistryConnection, what: string): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The answer of ${peer.url} makes no sense: ${what}; is that the address of a registry`,
  );
}
