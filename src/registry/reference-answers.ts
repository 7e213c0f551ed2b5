/**
 * What the reference server's answers mean to a clerk. An answer of another form is `REGISTRY_INVALID`, so that another
 * server is asked; what is in it the clerk checks as it checks every registry's.
 */
import type { EndpointInit } from '../core/endpoint.js';
import { ClerkError, isClerkError } from '../core/errors.js';
import { faultOf, type Load } from '../core/load-report.js';
import type {
  AbsentResolution,
  BoundResolution,
  LinkResolution,
  ListEntry,
  Resolution,
  SearchEntry,
} from '../core/registry.js';
import { errorOf } from '../wire/failure.js';
import type { ListReply, ResolveReply, SearchReply, WatchEntry, WireEndpoint } from '../wire/messages.js';
import type { Peer, PeerReply } from '../wire/peer.js';

/** For how long is believed that a name is absent, in ms. @see promises C1.5 */
const absentMs = 1_000;

/** The body of an answer, or the refusal that it is. @throws a `ClerkError` */
export function bodyOf(reply: PeerReply, peer: Peer, path: string): unknown {
  if (reply.status === 200) return reply.body;
  throw errorOf(reply.status, reply.body, `The question for ${path} at ${peer.url}`);
}

/** What a look-up answered. No such name is an answer. @throws a `ClerkError` */
export function resolutionOf(reply: PeerReply, peer: Peer, path: string): Resolution {
  try {
    return foundOf(shaped(bodyOf(reply, peer, path), peer, 'endpoints') as ResolveReply, peer);
  } catch (error) {
    if (isClerkError(error) && error.code === 'NAME_NOT_FOUND') return absentOf(reply);
    throw error;
  }
}

/** A name that is not there, as of a position. */
export function absentOf({
  revision,
  incarnation,
}: {
  readonly revision: string;
  readonly incarnation: string;
}): AbsentResolution {
  return Object.freeze({
    kind: 'absent',
    ttlMs: absentMs,
    ...(revision !== '' && { revision }),
    ...(incarnation !== '' && { incarnation }),
  });
}

/** A name in a watch. A directory is nothing that can be called. */
export function entryOf(entry: WatchEntry, peer: Peer): Resolution {
  const raw = shaped(entry, peer) as WatchEntry;
  if (raw.kind !== 'link') return foundOf(shaped(raw, peer, 'endpoints') as ResolveReply, peer);
  const { target, promiseMs } = raw;
  return Object.freeze({
    kind: 'link',
    target,
    ...(promiseMs !== 0 && { promiseMs }),
  } satisfies LinkResolution);
}

function foundOf(raw: ResolveReply, peer: Peer): Resolution {
  if ((raw.kind as string) === 'directory') return absentOf(raw);
  if ((raw.kind as string) !== 'service') throw nonsense(peer, 'neither a service nor a directory');
  const {
    canonical,
    endpoints,
    policy,
    timeoutMs,
    trail,
    revision,
    incarnation,
    promiseMs,
    ttlMs,
    launchable,
    doubted,
  } = raw;
  return Object.freeze({
    kind: 'bound',
    endpoints: endpointsOf(endpoints, peer),
    canonical,
    trail,
    revision,
    incarnation,
    // Nothing promised is no promise of nothing: then the answer is a hint, for as long as it says.
    ...(promiseMs !== 0 && { promiseMs }),
    ttlMs,
    ...(policy !== null && { policy }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...((launchable as unknown) === true && { startable: true }),
    ...(doubted !== undefined && { doubted }),
  } satisfies BoundResolution);
}

/** Endpoints, in the words of a registry. */
export function endpointsOf(list: readonly WireEndpoint[], peer: Peer): readonly EndpointInit[] {
  return Object.freeze(
    Array.from(list as readonly unknown[], (item) => {
      const { id, epoch, addresses, weight, attributes, leaseMs, state, host, zone, version, load } = shaped(
        item,
        peer,
        'addresses',
      ) as WireEndpoint;
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
        ...(faultOf(load) === undefined && { load: { ...(load as Load), ageMs: leaseMs / 2 } }),
      });
    }),
  );
}

/** One page of a listing. @throws a `ClerkError` */
export function pageOf(reply: PeerReply, peer: Peer, path: string): ListReply {
  const page = shaped(bodyOf(reply, peer, path), peer, 'entries') as ListReply;
  for (const entry of page.entries as readonly unknown[])
    if (typeof (shaped(entry, peer) as ListEntry).name !== 'string') throw nonsense(peer, 'a nameless entry');
  if (page.next !== null && typeof (page.next as unknown) !== 'string')
    throw nonsense(peer, 'a page that leads nowhere');
  return page;
}

/** What a search found. @throws a `ClerkError` */
export function foundBy(reply: PeerReply, peer: Peer, path: string): readonly SearchEntry[] {
  const { entries } = shaped(bodyOf(reply, peer, path), peer, 'entries') as SearchReply;
  return Array.from(entries as readonly unknown[], (item) => {
    const { name, endpoints } = shaped(item, peer, 'endpoints') as SearchReply['entries'][number];
    return { name, endpoints: endpointsOf(endpoints, peer) };
  });
}

/** An object, with a list under `list` if that is given. @throws a `ClerkError` `REGISTRY_INVALID` */
export function shaped(value: unknown, peer: Peer, list?: string): object {
  if (typeof value !== 'object' || value === null) throw nonsense(peer, 'no object');
  if (list !== undefined && !Array.isArray((value as Record<string, unknown>)[list]))
    throw nonsense(peer, `no list of ${list}`);
  return value;
}

function nonsense(peer: Peer, what: string): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The answer of ${peer.url} makes no sense: ${what}; is that the address of a registry`,
  );
}
