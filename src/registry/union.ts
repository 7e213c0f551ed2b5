import { definedFields } from '../core/defined-fields.js';
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
import type { RegistrySource } from './to-registry.js';

/**
 * A registry that merges the endpoints of several registries. When one registry fails, the lookup rejects, and the
 * clerk continues with its previous result.
 *
 * If several registries have the same instance, the registration with the highest epoch is used. The result has the
 * shortest `ttlMs` of all registries. Each field of the service config comes from the first registry that sets the
 * field. If the name is a link in the first registry that has the name, the link is the result. Links in later
 * registries are ignored.
 *
 * `list`, `search` and `watch` exist if all registries have the method. The results have no revision, because
 * revisions of different registries cannot be compared.
 *
 * @param registries - registry URLs, registry ports or static addresses, at least one. `close` of the returned registry
 *   closes these registries.
 * @throws {@link ClerkError} `CONFIG_INVALID` when no registry is given or a registry is invalid
 * @throws {@link ClerkError} `NAME_INVALID` when a key of static addresses is not an absolute name
 */
export function union(...registries: readonly RegistrySource[]): Registry {
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
          // Several registries may count the same instances, so a name in several registries has no counts.
          const { endpoints: _some, suspects: _few, starting: _new, ...first } = byName.get(entry.name) ?? {};
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

/** `found` has one element per part. In a watch, the element of a part without the name is undefined. */
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
  const valueOf = <Key extends keyof BoundResolution>(key: Key): BoundResolution[Key] | undefined =>
    bound.find((resolution) => resolution[key] !== undefined)?.[key];
  const starting = bound.reduce((sum, resolution) => sum + (resolution.starting ?? 0), 0);
  const doubted = [...new Set(bound.flatMap((resolution) => resolution.healthQueried ?? []))];
  return definedFields({
    kind: 'bound',
    endpoints,
    starting: starting > 0 ? starting : undefined,
    ttlMs,
    policy: valueOf('policy'),
    timeoutMs: valueOf('timeoutMs'),
    attemptTimeoutMs: valueOf('attemptTimeoutMs'),
    retries: valueOf('retries'),
    healthQueried: doubted.length > 0 ? doubted : undefined,
    canonical: first.canonical,
    path: first.path,
    statedAt: oldest(bound),
  });
}

function oldest(resolutions: readonly BoundResolution[]): number | undefined {
  const times = resolutions.map(({ statedAt }) => statedAt).filter((statedAt) => statedAt !== undefined);
  return times.length > 0 ? Math.min(...times) : undefined;
}

function newestInstances<T extends BoundResolution['endpoints'][number]>(
  name: string,
  endpoints: readonly T[],
): T[] {
  const byId = new Map<string, { readonly parsed: Endpoint; readonly endpoint: T }>();
  for (const endpoint of endpoints) {
    const parsed = parseEndpoint(name, endpoint);
    const known = byId.get(parsed.id)?.parsed;
    if (known === undefined || isNewer(parsed, known)) byId.set(parsed.id, { parsed, endpoint });
  }
  return [...byId.values()].map(({ endpoint }) => endpoint);
}

/**
 * Whether `a` is a newer registration than `b`. If both have the same incarnation, or one has none, the higher epoch is
 * newer. If the incarnations differ, the registration in the newer incarnation is newer.
 */
function isNewer(a: Endpoint, b: Endpoint): boolean {
  if (a.incarnation === b.incarnation || a.incarnation === undefined || b.incarnation === undefined)
    return a.epoch > b.epoch;
  return a.incarnation > b.incarnation;
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
