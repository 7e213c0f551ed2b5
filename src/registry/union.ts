/**
 * Several registries as one: a service's endpoints are those that any of them names. All must answer: with one missing
 * the set would not be whole, so the failure of one is the failure of all, and the clerk goes on with what it last knew.
 */
import { toEndpoint, type Endpoint } from '../core/endpoint.js';
import { ClerkError, errorMessage } from '../core/errors.js';
import type { BoundResolution, ListEntry, Registry, Resolution, SearchEntry } from '../core/registry.js';
import {
  defaultAbsentTtlMs,
  resolveFrom,
  closeAll,
  ttlOf,
  fromAll,
  toRegistries,
  forwardReports,
  sortByName,
  mergedWatch,
} from './composite.js';
import type { StaticAddresses } from './static-registry.js';

/**
 * Merges registries. An instance that several of them name is taken where its epoch is highest, from the first of those;
 * the shortest time that an answer may be used counts, and the first rule for choosing. A link cannot be merged with
 * anything: if the first that knows the name has a link there, the link is the answer; a later one's is left out.
 *
 * It lists, searches and watches if all of them can. Its answers bear no revision, since those of different registries
 * cannot be compared.
 *
 * @param registries - ports or static addresses; at least one. They are closed with this one.
 * @throws a `ClerkError` `CONFIG_INVALID`, `NAME_INVALID`
 */
export function union(...registries: readonly (Registry | StaticAddresses)[]): Registry {
  const parts = toRegistries(registries, 'union()');
  const lists = fromAll(parts, (part) => part.list?.bind(part));
  const searches = fromAll(parts, (part) => part.search?.bind(part));
  return {
    async resolve(name, context) {
      return mergeResolutions(name, await Promise.all(parts.map((part) => resolveFrom(part, name, context))));
    },
    ...(lists && {
      async list(glob, context) {
        const found = await Promise.all(lists.map((list) => list(glob, context)));
        const byName = new Map<string, ListEntry>();
        for (const entry of found.flat()) {
          // How many endpoints two have together is not the sum of how many each has.
          const { endpoints: _some, suspects: _few, ...first } = byName.get(entry.name) ?? {};
          byName.set(entry.name, 'name' in first ? first : entry);
        }
        return sortByName(byName.values());
      },
    }),
    ...(searches && {
      async search(glob, filter, context) {
        const found = await Promise.all(searches.map((search) => search(glob, filter, context)));
        const byName = new Map<string, SearchEntry>();
        for (const { name, endpoints } of found.flat())
          byName.set(name, {
            name,
            endpoints: newestInstances(name, [...(byName.get(name)?.endpoints ?? []), ...endpoints]),
          });
        return sortByName(byName.values());
      },
    }),
    ...mergedWatch(parts, mergeResolutions),
    ...forwardReports(parts),
    close: () => closeAll(parts),
  };
}

/** One answer of those of all parts, undefined being absent. */
function mergeResolutions(name: string, found: readonly (Resolution | undefined)[]): Resolution {
  const ttlMs = Math.min(
    ...found.map((resolution) => (resolution === undefined ? defaultAbsentTtlMs : ttlOf(resolution))),
  );
  const first = found.find((resolution) => resolution !== undefined && resolution.kind !== 'absent');
  if (first === undefined) return { kind: 'absent', ttlMs };
  if (first.kind !== 'bound') return { ...first, ttlMs };
  const bound = found.filter((resolution): resolution is BoundResolution => resolution?.kind === 'bound');
  const endpoints = newestInstances(
    name,
    bound.flatMap((resolution) => resolution.endpoints),
  );
  const policy = bound.find((resolution) => resolution.policy !== undefined)?.policy;
  const timeoutMs = bound.find((resolution) => resolution.timeoutMs !== undefined)?.timeoutMs;
  const doubted = [...new Set(bound.flatMap((resolution) => resolution.healthQueried ?? []))];
  const { canonical, path } = first;
  return {
    kind: 'bound',
    endpoints,
    ttlMs,
    ...(policy !== undefined && { policy }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(doubted.length > 0 && { healthQueried: doubted }),
    ...(canonical !== undefined && { canonical }),
    ...(path !== undefined && { path }),
  };
}

/** Every instance once, where its epoch is highest. */
function newestInstances<T extends BoundResolution['endpoints'][number]>(
  name: string,
  endpoints: readonly T[],
): T[] {
  const byId = new Map<string, { readonly epoch: number; readonly endpoint: T }>();
  for (const endpoint of endpoints) {
    const { id, epoch } = parseEndpoint(name, endpoint);
    if (epoch > (byId.get(id)?.epoch ?? -1)) byId.set(id, { epoch, endpoint });
  }
  return [...byId.values()].map(({ endpoint }) => endpoint);
}

function parseEndpoint(name: string, endpoint: unknown): Endpoint {
  try {
    return toEndpoint(endpoint, name);
  } catch (error) {
    throw new ClerkError(
      'REGISTRY_INVALID',
      `A registry's answer for ${name} has an endpoint that cannot be used: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}
