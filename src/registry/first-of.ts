/**
 * Several registries, asked in order: the first that knows a name answers for it. One that fails, or has not answered
 * within half a second, is passed over as long as a later one knows the name; but if nobody does, its failure is the
 * answer, since an error is never "no such name".
 *
 * An answer holds no longer than it is sure that no registry before it has come to know the name, or has come back.
 */
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
 * Puts registries in an order of precedence.
 *
 * It lists, searches and watches if all of them can; a search needs lists too, since a name that an earlier one knows
 * hides a later one's even where none of its endpoints fits. A service is started by the one that answers for it.
 *
 * @param registries - ports or static addresses, the most important first; at least one. They are closed with this one.
 * @throws a `ClerkError` `CONFIG_INVALID`, `NAME_INVALID`
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
        throw new ClerkError('START_FAILED', `The registry that knows ${name} does not start it any more`);
      },
    }),
    ...forwardReports(parts),
    close: () => closeAll(parts),
  };
}

/** The answer of one part, given that those in `passed`, before it, do not know the name or cannot tell. */
function withEarlierTtls(resolution: Resolution, earlier: readonly (Resolution | undefined)[]): Resolution {
  const limited =
    earlier.length === 0
      ? resolution
      : { ...resolution, ttlMs: Math.min(ttlOf(resolution), ...earlier.map(earlierTtlMs)) };
  if (limited.kind !== 'bound') return limited;
  // Revisions of different registries must not be compared.
  return { ...limited, incarnation: `${earlier.length}:${limited.incarnation ?? ''}` };
}

function earlierTtlMs(resolution: Resolution | undefined): number {
  return resolution === undefined ? defaultAbsentTtlMs : ttlOf(resolution);
}

/** Every name once, in the words of the first that has it. */
function firstByName<T extends { readonly name: string }>(found: readonly (readonly T[])[]): T[] {
  // Of entries with one key a Map keeps the last.
  const byName = new Map(
    found.toReversed().flatMap((entries) => entries.map((entry) => [entry.name, entry] as const)),
  );
  return sortByName(byName.values());
}
