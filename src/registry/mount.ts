import { globsBelow, matches, parseGlob } from '../core/glob.js';
import { isName, parseName } from '../core/name.js';
import type { Registry, Resolution, Snapshot } from '../core/registry.js';
import { resolveFrom, toMap } from './composite.js';
import { watchUnchanging } from './static-registry.js';
import { toRegistry, type RegistrySource } from './to-registry.js';

/**
 * A registry that places another registry below a prefix. With the prefix `/k8s`, the name `/k8s/default/web` is
 * looked up as `/default/web`. The prefix itself and names outside of the prefix are absent. Example: with
 * `firstOf(mount('/k8s', k), rest)`, names below `/k8s` are looked up in `k` and then in `rest`, others only in `rest`.
 *
 * Names in results get the prefix. Results omit a name that the prefix would make invalid. `list`, `search`, `watch`
 * and `start` exist if the mounted registry has the method.
 *
 * @param prefix - an absolute name
 * @param registry - a registry URL or a list of URLs, a registry port or static addresses. The names in this registry
 *   do not contain the prefix. `close` of the returned registry closes this registry.
 * @throws {@link ClerkError} `NAME_INVALID` when the prefix or a key of static addresses is not an absolute name
 * @throws {@link ClerkError} `CONFIG_INVALID` when the registry is invalid
 * @see [Naming N6](../../docs/background.md#n6)
 */
export function mount(prefix: string, registry: RegistrySource): Registry {
  parseName(prefix, 'Mount prefix');
  const inner = toRegistry(registry);
  const toOuterName = (name: string): string => `${prefix}${name}`;
  /**
   * Adds the prefix to the names of entries. Omits names that the prefix makes invalid, or that do not match the glob.
   */
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
  const { canonical, path, scheduled } = resolution;
  const translate = <T extends { readonly name: string }>(all: readonly T[]): T[] =>
    all.map((each) => ({ ...each, name: toOuterName(each.name) }));
  return {
    ...resolution,
    ...(canonical !== undefined && { canonical: toOuterName(canonical) }),
    ...(path !== undefined && { path: translate(path) }),
    ...(scheduled !== undefined && { scheduled: translate(scheduled) }),
  };
}

/**
 * Translates a glob for the mounted registry, whose names do not contain the prefix. The result may match more names
 * than `glob`. Returns undefined when `glob` matches no name below the prefix. Returns `/**` for a glob with several
 * translations.
 */
function toInnerGlob(prefix: string, glob: string): string | undefined {
  const innerGlobs = globsBelow(parseGlob(glob), prefix);
  return innerGlobs.size > 1 ? '/**' : [...innerGlobs][0];
}
