/**
 * A whole registry below a prefix of the name space: `/k8s/default/web` is the other registry's `/default/web`. Names
 * of the other registry that cannot be spelled below the prefix, being too long or beginning with a directory
 * identifier, are not there.
 *
 * @see Naming N6 (merging by a mount)
 */
import { matches, parseGlob } from '../core/glob.js';
import { isName, parseName } from '../core/name.js';
import type { Registry, Resolution } from '../core/registry.js';
import { resolveFrom, toMap } from './composite.js';
import { toRegistry, type StaticAddresses } from './static-registry.js';

/**
 * Mounts a registry. Names outside the prefix are absent, and so is the prefix itself; `firstOf(mount('/k8s', k), rest)`
 * makes one name space of two. What the mounted registry says of its own names (links, trails) is translated too. It
 * lists, searches, watches and starts services if the mounted one can.
 *
 * @param prefix - an absolute name
 * @param registry - a port or static addresses, with names of its own. It is closed with this one.
 * @throws a `ClerkError` `NAME_INVALID`, `CONFIG_INVALID`
 */
export function mount(prefix: string, registry: Registry | StaticAddresses): Registry {
  parseName(prefix, 'Prefix of a mount');
  const inner = toRegistry(registry);
  const toOuterName = (name: string): string => `${prefix}${name}`;
  /** What the mounted registry gave for `inwardGlob(prefix, glob)`, cut down to the glob and translated. */
  const toOuterEntries = <T extends { readonly name: string }>(glob: string, entries: readonly T[]): T[] => {
    const pattern = parseGlob(glob);
    return entries
      .map((entry) => ({ ...entry, name: toOuterName(entry.name) }))
      .filter(({ name }) => isName(name) && matches(pattern, name));
  };
  const list = inner.list?.bind(inner);
  const search = inner.search?.bind(inner);
  const watch = inner.watch?.bind(inner);
  const start = inner.start?.bind(inner);
  const report = inner.report?.bind(inner);
  return {
    async resolve(name, context) {
      if (!name.startsWith(`${prefix}/`)) return { kind: 'absent', ttlMs: Infinity };
      return translateNames(await resolveFrom(inner, name.slice(prefix.length), context), toOuterName);
    },
    ...(list && {
      async list(glob, context) {
        const inside = toInnerGlob(prefix, glob);
        const entries = inside === undefined ? [] : await list(inside, context);
        return toOuterEntries(glob, entries).map(({ target, ...entry }) => ({
          ...entry,
          ...(target !== undefined && { target: toOuterName(target) }),
        }));
      },
    }),
    ...(search && {
      async search(glob, filter, context) {
        const inside = toInnerGlob(prefix, glob);
        return inside === undefined ? [] : toOuterEntries(glob, await search(inside, filter, context));
      },
    }),
    ...(watch && {
      watch(glob, onSnapshot, onError) {
        const inside = toInnerGlob(prefix, glob);
        if (inside === undefined) return emptyWatch(onSnapshot);
        return watch(
          inside,
          (snapshot) => {
            const entries = [...toMap(snapshot)].map(([name, resolution]) => ({ name, resolution }));
            onSnapshot(
              new Map(
                toOuterEntries(glob, entries).map(({ name, resolution }) => [
                  name,
                  translateNames(resolution, toOuterName),
                ]),
              ),
            );
          },
          onError,
        );
      },
    }),
    ...(start && {
      start: (name, context) => start(name.slice(prefix.length), context),
    }),
    ...(report && {
      report({ clerk, reports }, context) {
        const inside = reports
          .filter(({ name }) => name.startsWith(`${prefix}/`))
          .map((opinion) => ({ ...opinion, name: opinion.name.slice(prefix.length) }));
        return inside.length === 0 ? undefined : report({ clerk, reports: inside }, context);
      },
    }),
    close: () => inner.close?.(),
  };
}

function translateNames(resolution: Resolution, toOuterName: (name: string) => string): Resolution {
  if (resolution.kind === 'link') return { ...resolution, target: toOuterName(resolution.target) };
  if (resolution.kind === 'absent') return resolution;
  const { canonical, path } = resolution;
  return {
    ...resolution,
    ...(canonical !== undefined && { canonical: toOuterName(canonical) }),
    ...(path !== undefined && { path: path.map((arc) => ({ ...arc, name: toOuterName(arc.name) })) }),
  };
}

/**
 * A glob for the mounted registry that fits at least what `glob` fits below the prefix, or undefined if that is nothing.
 * Where no single glob fits just that, because a `**` may end within the prefix or reach beyond it, everything is asked
 * for.
 */
function toInnerGlob(prefix: string, glob: string): string | undefined {
  const { segments } = parseGlob(glob);
  const found = new Set<string>();
  for (let taken = 1; taken <= segments.length; taken++) {
    const head = segments.slice(0, taken);
    if (!matches(parseGlob(`/${head.join('/')}`), prefix)) continue;
    // A `**` that fits the end of the prefix goes on behind it.
    const rest = [...(head.at(-1) === '**' ? ['**'] : []), ...segments.slice(taken)];
    if (rest.length > 0) found.add(`/${rest.join('/')}`);
  }
  return found.size > 1 ? '/**' : [...found][0];
}

/** A watch of what can never be: one empty snapshot. */
function emptyWatch(onSnapshot: (snapshot: ReadonlyMap<string, Resolution>) => void): () => void {
  let stopped = false;
  queueMicrotask(() => {
    if (!stopped) onSnapshot(new Map());
  });
  return () => {
    stopped = true;
  };
}
