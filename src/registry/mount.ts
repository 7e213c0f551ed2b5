import { matches, parseGlob } from '../core/glob.js';
import { isName, parseName } from '../core/name.js';
import type { Registry, Resolution } from '../core/registry.js';
import { resolveFrom, toMap } from './composite.js';
import { toRegistry, type StaticAddresses } from './static-registry.js';

/**
 * A registry that places another one below a prefix: `/k8s/default/web` is its `/default/web`. Names outside the
 * prefix are absent, and so is the prefix itself. `firstOf(mount('/k8s', k), rest)` combines two name spaces.
 *
 * Links and paths in the results are translated. Names that are invalid below the prefix, because they would be too
 * long or begin with a directory identifier, are absent. It has `list`, `search`, `watch` and `start` if the mounted
 * registry has them.
 *
 * @param prefix - an absolute name
 * @param registry - a port or static addresses, with its own names. It is closed with this one.
 * @throws {@link ClerkError} `NAME_INVALID` when the prefix or a key of static addresses is not an absolute name
 * @throws {@link ClerkError} `CONFIG_INVALID` when the registry is invalid
 * @see [Naming N6](../../docs/background.md#n6)
 */
export function mount(prefix: string, registry: Registry | StaticAddresses): Registry {
  parseName(prefix, 'Mount prefix');
  const inner = toRegistry(registry);
  const toOuterName = (name: string): string => `${prefix}${name}`;
  /** The entries returned for `toInnerGlob(prefix, glob)`, translated and filtered by the glob. */
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
        const innerGlob = toInnerGlob(prefix, glob);
        const entries = innerGlob === undefined ? [] : await list(innerGlob, context);
        return toOuterEntries(glob, entries).map(({ target, ...entry }) => ({
          ...entry,
          ...(target !== undefined && { target: toOuterName(target) }),
        }));
      },
    }),
    ...(search && {
      async search(glob, filter, context) {
        const innerGlob = toInnerGlob(prefix, glob);
        return innerGlob === undefined ? [] : toOuterEntries(glob, await search(innerGlob, filter, context));
      },
    }),
    ...(watch && {
      watch(glob, onSnapshot, onError) {
        const innerGlob = toInnerGlob(prefix, glob);
        if (innerGlob === undefined) return emptyWatch(onSnapshot);
        return watch(
          innerGlob,
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
        const innerReports = reports
          .filter(({ name }) => name.startsWith(`${prefix}/`))
          .map((opinion) => ({ ...opinion, name: opinion.name.slice(prefix.length) }));
        return innerReports.length === 0 ? undefined : report({ clerk, reports: innerReports }, context);
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
    ...(path !== undefined && { path: path.map((step) => ({ ...step, name: toOuterName(step.name) })) }),
  };
}

/**
 * A glob of the mounted registry that matches at least what `glob` matches below the prefix; undefined if that is
 * nothing. If no single glob does, because a `**` may end within the prefix or reach beyond it, the result is `/**`.
 */
function toInnerGlob(prefix: string, glob: string): string | undefined {
  const { segments } = parseGlob(glob);
  const innerGlobs = new Set<string>();
  for (let headLength = 1; headLength <= segments.length; headLength++) {
    const head = segments.slice(0, headLength);
    if (!matches(parseGlob(`/${head.join('/')}`), prefix)) continue;
    // A `**` that matches the end of the prefix may also match segments below it.
    const rest = [...(head.at(-1) === '**' ? ['**'] : []), ...segments.slice(headLength)];
    if (rest.length > 0) innerGlobs.add(`/${rest.join('/')}`);
  }
  return innerGlobs.size > 1 ? '/**' : [...innerGlobs][0];
}

/** A watch of names that cannot exist: one empty snapshot. */
function emptyWatch(onSnapshot: (snapshot: ReadonlyMap<string, Resolution>) => void): () => void {
  let stopped = false;
  queueMicrotask(() => {
    if (!stopped) onSnapshot(new Map());
  });
  return () => {
    stopped = true;
  };
}
