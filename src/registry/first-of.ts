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
import type { StaticAddresses } from './static-registry.js';

/**
 * A registry that queries several registries in order of precedence. The first that has a name decides it. One that
 * fails, or has not responded after 500 ms, is skipped if a later one has the name. If none has it, the failure is
 * the result: an error never becomes `absent`.
 *
 * The `ttlMs` of a result is limited by those of all earlier registries, since one of them may get the name.
 *
 * It has `list`, `search` and `watch` if all registries have them. `search` also needs `list`: a name of an earlier
 * registry hides that of a later one even if none of its endpoints matches. The registry that decides a name also
 * starts its service.
 *
 * @param registries - at least one, highest precedence first: ports or static addresses. They are closed with this
 * one.
 * @throws {@link ClerkError} `CONFIG_INVALID` when there is none or one is invalid
 * @throws {@link ClerkError} `NAME_INVALID` when a key of static addresses is not an absolute name
 */
export function firstOf(...registries: readonly (Registry | StaticAddresses)[]): Registry {
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
        throw new ClerkError('START_FAILED', `The registry of ${name} can no longer start it`);
      },
    }),
    ...forwardReports(parts),
    close: () => closeAll(parts),
  };
}

/** Limits the `ttlMs` of a resolution by those of the earlier parts, which failed or do not have the name. */
function withEarlierTtls(resolution: Resolution, earlier: readonly (Resolution | undefined)[]): Resolution {
  const limited =
    earlier.length === 0
      ? resolution
      : { ...resolution, ttlMs: Math.min(ttlOf(resolution), ...earlier.map(earlierTtlMs)) };
  if (limited.kind !== 'bound') return limited;
  // A different incarnation per part, because revisions of different registries must not be compared.
  return { ...limited, incarnation: `${earlier.length}:${limited.incarnation ?? ''}` };
}

function earlierTtlMs(resolution: Resolution | undefined): number {
  return resolution === undefined ? defaultAbsentTtlMs : ttlOf(resolution);
}

/** Each name once, with the entry of the first part that has it. */
function firstByName<T extends { readonly name: string }>(found: readonly (readonly T[])[]): T[] {
  // A Map keeps the last entry of a key.
  const byName = new Map(
    found.toReversed().flatMap((entries) => entries.map((entry) => [entry.name, entry] as const)),
  );
  return sortByName(byName.values());
}
