/**
 * Several registries as one: a service's endpoints are those that any of them names. All must answer, since with one
 * missing the set would not be whole; the clerk then goes on with what it last knew.
 */
import type { BoundResolution, Registry, Resolution } from '../core/registry.js';
import { asRegistry, type StaticAddresses } from './static.js';
import { closeAll, listAll, searchAll, watchMerged } from './several.js';

/**
 * Merges registries. An instance that several name is taken from the first of them; the shortest time counts.
 *
 * @param registries - ports or static addresses; at least one
 */
export function union(...registries: readonly (Registry | StaticAddresses)[]): Registry {
  const parts = registries.map(asRegistry);
  return {
    async resolve(name, context) {
      return merged(await Promise.all(parts.map((part) => part.resolve(name, context))));
    },
    ...listAll(parts),
    ...searchAll(parts, true),
    ...watchMerged(parts, merged),
    close: () => closeAll(parts),
  };
}

function merged(resolutions: readonly Resolution[]): Resolution {
  const known = resolutions.filter((resolution) => resolution.kind !== 'absent');
  const first = known[0];
  if (first === undefined) return resolutions[0] ?? { kind: 'absent' };
  // A link cannot be merged with anything: the first one decides.
  const bound = known.filter((resolution): resolution is BoundResolution => resolution.kind === 'bound');
  if (first.kind === 'link' || bound.length === 1) return first;
  const byId = new Map<string, BoundResolution['endpoints'][number]>();
  for (const { endpoints } of bound) {
    for (const endpoint of endpoints) {
      const id = idOf(endpoint);
      if (!byId.has(id)) byId.set(id, endpoint);
    }
  }
  const times = resolutions.flatMap((resolution) => (resolution.kind === 'link' ? [] : [resolution.ttlMs ?? 5_000]));
  const policy = bound.find((resolution) => resolution.policy !== undefined)?.policy;
  return { kind: 'bound', endpoints: [...byId.values()], ttlMs: Math.min(...times), ...(policy === undefined ? {} : { policy }) };
}

function idOf(endpoint: BoundResolution['endpoints'][number]): string {
  if (typeof endpoint === 'string' || endpoint instanceof URL) return String(endpoint);
  return endpoint.id ?? String(endpoint.address ?? endpoint.addresses?.[0]);
}
