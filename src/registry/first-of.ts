import { ClerkError } from '../core/errors.js';
import type { Registry, Resolution } from '../core/registry.js';
import { OrderedLookup } from './ordered-lookup.js';
import {
  defaultAbsentTtlMs,
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
 * A registry that queries several registries in order of precedence. The first registry that has a name provides the
 * result. A registry that fails or does not respond within 500 ms is skipped, if a later registry has the name. If no
 * registry has the name and a registry has failed, the lookup rejects with the first failure.
 *
 * The `ttlMs` of a result is at most the `ttlMs` of the absent results of earlier registries. If a registry was
 * skipped, the `ttlMs` is at most 1,000 ms.
 *
 * `list`, `search` and `watch` exist if all registries have the method; `search` also requires `list`. A name in one
 * registry hides the same name in later registries, even in a search whose filter excludes its endpoints. A service is
 * started by the registry that provides its name.
 *
 * @param registries - registry URLs, registry ports or static addresses, at least one, highest precedence first.
 * `close` of the returned registry closes these registries.
 * @throws {@link ClerkError} `CONFIG_INVALID` when no registry is given or a registry is invalid
 * @throws {@link ClerkError} `NAME_INVALID` when a key of static addresses is not an absolute name
 */
export function firstOf(...registries: readonly RegistrySource[]): Registry {
  const parts = toRegistries(registries, 'firstOf()');
  const order = new OrderedLookup(parts);
  const lists = fromAll(parts, (part) => part.list?.bind(part));
  const searches = fromAll(parts, (part) => part.search?.bind(part));
  return {
    async resolve(name, context) {
      const { resolution, earlier } = await order.resolve(name, context);
      if (resolution.kind !== 'absent') return withEarlierTtls(resolution, earlier);
      return { kind: 'absent', ttlMs: Math.min(...earlier.map(earlierTtlMs)) };
    },
    ...(lists && {
      async list(glob, context) {
        const found = await Promise.all(lists.map((list) => list(glob, context)));
        return firstByName(found);
      },
    }),
    ...(lists &&
      searches && {
        async search(glob, filter, context) {
          const [found, known] = await Promise.all([
            Promise.all(searches.map((search) => search(glob, filter, context))),
            Promise.all(lists.slice(0, -1).map((list) => list(glob, context))),
          ]);
          const hides = known.map((entries) => new Set(entries.map(({ name }) => name)));
          return firstByName(
            found.map((entries, i) =>
              entries.filter(({ name }) => !hides.slice(0, i).some((names) => names.has(name))),
            ),
          );
        },
      }),
    ...mergedWatch(parts, (_name, found) => {
      const index = found.findIndex((resolution) => resolution !== undefined);
      return withEarlierTtls(found[index] as Resolution, found.slice(0, index));
    }),
    ...(parts.some((part) => part.start !== undefined) && {
      async start(name, context) {
        const { resolution, earlier } = await order.resolve(name, { ...context, suspects: new Set() });
        const part = parts[earlier.length];
        if (resolution.kind === 'bound' && resolution.startable === true && part?.start)
          return part.start(name, context);
        throw new ClerkError(
          'START_FAILED',
          `The service ${name} was not started: either no registry has the name now, or the first registry that has the name cannot start the service. Repeat the call, which looks the name up again`,
        );
      },
    }),
    ...forwardReports(parts),
    close: () => closeAll(parts),
  };
}

/** Limits `ttlMs` to the shortest `ttlMs` in `earlier`. An undefined element counts as 1,000 ms. */
function withEarlierTtls(resolution: Resolution, earlier: readonly (Resolution | undefined)[]): Resolution {
  const limited =
    earlier.length === 0
      ? resolution
      : { ...resolution, ttlMs: Math.min(ttlOf(resolution), ...earlier.map(earlierTtlMs)) };
  if (limited.kind !== 'bound') return limited;
  // `namesBelow` is left out, because it does not include the names of the other parts.
  const { namesBelow: _, ...rest } = limited;
  // Revisions are compared only within one incarnation. The prefix keeps incarnations of different parts distinct.
  return { ...rest, incarnation: `${earlier.length}:${limited.incarnation ?? ''}` };
}

function earlierTtlMs(resolution: Resolution | undefined): number {
  return resolution === undefined ? defaultAbsentTtlMs : ttlOf(resolution);
}

function firstByName<T extends { readonly name: string }>(found: readonly (readonly T[])[]): T[] {
  // A Map keeps the last entry per key, so the parts are read in reverse order.
  const byName = new Map(
    found.toReversed().flatMap((entries) => entries.map((entry) => [entry.name, entry] as const)),
  );
  return sortByName(byName.values());
}
