import { matches, parseGlob } from '../core/glob.js';
import { isName, parseName } from '../core/name.js';
import type { Registry, Resolution, Snapshot } from '../core/registry.js';
import { resolveFrom, toMap } from './composite.js';
import { toRegistry, watchUnchanging, type StaticAddresses } from './static-registry.js';

/**
 * A registry that places another registry below a prefix. With the prefix `/k8s`, the name `/k8s/default/web` is
 * looked up as `/default/web`. The prefix itself and names outside of the prefix are absent. Example:
 * `firstOf(mount('/k8s', k), rest)` looks up names below `/k8s` in `k` first, and all other names only in `rest`.
 *
 * Names in results get the prefix. Results omit a name that the prefix would make invalid. `list`, `search`, `watch`
 * and `start` exist if the mounted registry has the method.
 *
 * @param prefix - an absolute name
 * @param registry - a registry port or static addresses, whose names do not contain the prefix. `close` of the
 *   returned registry closes this registry.
 * @throws {@link ClerkError} `NAME_INVALID` when the prefix or a key of static addresses is not an absolute name
 * @throws {@link ClerkError} `CONFIG_INVALID` when the registry is invalid
 * @see [Naming N6](../../docs/background.md#n6)
 */
export function mount(prefix: string, registry: Registry | StaticAddresses): Registry {
  parseName(prefix, 'Mount prefix');
  const inner = toRegistry(registry);
  const toOuterName = (name: string): string => `${prefix}${name}`;
  /** Omits names that the prefix makes invalid, or that do not match the glob. */
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
        if (innerGlob === undefined) return watchUnchanging(new Map(), onSnapshot);
        return watch(
          innerGlob,
          (snapshot) => {
            let translated: Snapshot;
            try {
              const entries = [...toMap(snapshot, glob)].map(([name, resolution]) => ({ name, resolution }));
              translated = new Map(
                toOuterEntries(glob, entries).map(({ name, resolution }) => [
                  name,
                  translateNames(resolution, toOuterName),
                ]),
              );
            } catch (error) {
              onError?.(error);
              return;
            }
            onSnapshot(translated);
          },
          onError,
        );
      },
    }),
    ...(start && { start: (name, context) => start(name.slice(prefix.length), context) }),
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
 * Translates a glob for the mounted registry, whose names lack the prefix. The result may match more names than
 * `glob`. Returns undefined when `glob` matches no name below the prefix. Returns `/**` for a glob with several
 * translations.
 */
function toInnerGlob(prefix: string, glob: string): string | undefined {
  const { segments } = parseGlob(glob);
  const innerGlobs = new Set<string>();
  for (let headLength = 1; headLength <= segments.length; headLength++) {
    const head = segments.slice(0, headLength);
    if (!matches(parseGlob(`/${head.join('/')}`), prefix)) continue;
    // A `**` that matches the end of the prefix may also match segments below the prefix.
    const rest = [...(head.at(-1) === '**' ? ['**'] : []), ...segments.slice(headLength)];
    if (rest.length > 0) innerGlobs.add(`/${rest.join('/')}`);
  }
  return innerGlobs.size > 1 ? '/**' : [...innerGlobs][0];
}
