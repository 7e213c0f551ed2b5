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
 * A registry that merges the endpoints of several registries. All of them must respond: a missing one would make the
 * set incomplete, so its failure rejects the lookup, and the clerk continues with the previous result.
 *
 * Of an instance that several registries list, the one with the highest epoch is used. The shortest `ttlMs` counts,
 * and the first `policy` and `timeoutMs`. Links are not merged: if the first registry that has the name has a link,
 * the link is the result; links of later registries are ignored.
 *
 * It has `list`, `search` and `watch` if all registries have them. Its results have no revision, because revisions of
 * different registries cannot be compared.
 *
 * @param registries - at least one: ports or static addresses. They are closed with this one.
 * @throws {@link ClerkError} `CONFIG_INVALID` when there is none or one is invalid
 * @throws {@link ClerkError} `NAME_INVALID` when a key of static addresses is not an absolute name
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
          // Counts of two registries cannot be added: they may list the same instances.
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

/** Merges the resolutions of all parts; undefined where the name is absent. */
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

/** Each instance once, with its highest epoch. */
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
      `The registry's response for ${name} is invalid: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}
