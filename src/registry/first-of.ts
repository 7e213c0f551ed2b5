/**
 * Several registries, asked in order: the first that knows a name answers for it. One that fails, or has not answered
 * within half a second, is passed over as long as a later one knows the name; but if nobody does, its failure is the
 * answer, since an error is never "no such name".
 *
 * An answer holds no longer than it is sure that no registry before it has come to know the name, or has come back.
 */
import { ClerkError } from '../core/errors.js';
import type { Registry, Resolution } from '../core/registry.js';
import { InOrder } from './in-order.js';
import { absentMs, closeAll, lifeOf, ofAll, partsOf, reportAll, sorted, watchAll } from './several.js';
import type { StaticAddresses } from './static.js';

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
  const parts = partsOf(registries, 'firstOf()');
  const order = new InOrder(parts);
  const lists = ofAll(parts, (part) => part.list?.bind(part));
  const searches = ofAll(parts, (part) => part.search?.bind(part));
  return {
    async resolve(name, context) {
      const { resolution, passed } = await order.resolve(name, context);
      if (resolution.kind !== 'absent') return inFront(resolution, passed);
      return { kind: 'absent', ttlMs: Math.min(...passed.map(believedMs)) };
    },
    ...(lists && {
      async list(glob, context) {
        const found = await Promise.all(lists.map((list) => list(glob, context)));
        return firsts(found);
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
          return firsts(
            found.map((entries, i) =>
              entries.filter(({ name }) => !hides.slice(0, i).some((names) => names.has(name))),
            ),
          );
        },
      }),
    ...watchAll(parts, (_name, found) => {
      const index = found.findIndex((resolution) => resolution !== undefined);
      return inFront(found[index] as Resolution, found.slice(0, index));
    }),
    ...(parts.some((part) => part.start !== undefined) && {
      async start(name, context) {
        const { resolution, passed } = await order.resolve(name, { ...context, suspects: new Set() });
        const part = parts[passed.length];
        if (resolution.kind === 'bound' && resolution.startable === true && part?.start)
          return part.start(name, context);
        throw new ClerkError('START_FAILED', `The registry that knows ${name} does not start it any more`);
      },
    }),
    ...reportAll(parts),
    close: () => closeAll(parts),
  };
}

/** The answer of one part, given that those in `passed`, before it, do not know the name or cannot tell. */
function inFront(resolution: Resolution, passed: readonly (Resolution | undefined)[]): Resolution {
  const limited =
    passed.length === 0
      ? resolution
      : { ...resolution, ttlMs: Math.min(lifeOf(resolution), ...passed.map(believedMs)) };
  if (limited.kind !== 'bound') return limited;
  // Revisions of different registries must not be compared.
  return { ...limited, incarnation: `${passed.length}:${limited.incarnation ?? ''}` };
}

function believedMs(passed: Resolution | undefined): number {
  return passed === undefined ? absentMs : lifeOf(passed);
}

/** Every name once, in the words of the first that has it. */
function firsts<T extends { readonly name: string }>(found: readonly (readonly T[])[]): T[] {
  // Of entries with one key a Map keeps the last.
  const byName = new Map(
    found.toReversed().flatMap((entries) => entries.map((entry) => [entry.name, entry] as const)),
  );
  return sorted(byName.values());
}
