/**
 * A whole registry below a prefix of the name space: `/k8s/default/web` is the other registry's `/default/web`.
 *
 * @see Naming N6 (merging by a mount)
 */
import { matches, parseGlob } from '../core/glob.js';
import { parseName } from '../core/name.js';
import type { Registry, Resolution } from '../core/registry.js';
import { asMap } from './several.js';
import { asRegistry, type StaticAddresses } from './static.js';

/**
 * Mounts a registry. Names outside the prefix are absent, so `firstOf(mount('/k8s', k), rest)` makes one name space.
 *
 * @param prefix - an absolute name
 * @param registry - a port or static addresses, with names of its own
 * @throws a `ClerkError` `NAME_INVALID`
 */
export function mount(prefix: string, registry: Registry | StaticAddresses): Registry {
  parseName(prefix);
  const inner = asRegistry(registry);
  const outward = (name: string): string => `${prefix}${name}`;
  const outwards = (resolution: Resolution): Resolution => {
    if (resolution.kind === 'link') return { ...resolution, target: outward(resolution.target) };
    if (resolution.kind === 'absent') return resolution;
    const { canonical, trail } = resolution;
    return {
      ...resolution,
      ...(canonical === undefined ? {} : { canonical: outward(canonical) }),
      ...(trail === undefined ? {} : { trail: trail.map((arc) => ({ ...arc, name: outward(arc.name) })) }),
    };
  };
  const { list, search, watch } = inner;
  return {
    async resolve(name, context) {
      if (!name.startsWith(`${prefix}/`)) return { kind: 'absent' };
      return outwards(await inner.resolve(name.slice(prefix.length), context));
    },
    ...(list && {
      async list(glob, context) {
        const lists = await Promise.all(inwards(prefix, glob).map((inside) => list.call(inner, inside, context)));
        return unique(lists.flat()).map((entry) => ({ ...entry, name: outward(entry.name), ...(entry.target === undefined ? {} : { target: outward(entry.target) }) }));
      },
    }),
    ...(search && {
      async search(glob, filter, context) {
        const lists = await Promise.all(inwards(prefix, glob).map((inside) => search.call(inner, inside, filter, context)));
        return unique(lists.flat()).map((entry) => ({ ...entry, name: outward(entry.name) }));
      },
    }),
    ...(watch && {
      watch(glob, onSnapshot, onError) {
        const globs = inwards(prefix, glob);
        const latest: (ReadonlyMap<string, Resolution> | undefined)[] = globs.map(() => undefined);
        let stopped = false;
        const publish = (): void => {
          if (stopped || latest.includes(undefined)) return;
          onSnapshot(new Map(latest.flatMap((map) => [...(map as ReadonlyMap<string, Resolution>)].map(([name, resolution]) => [outward(name), outwards(resolution)] as const))));
        };
        if (globs.length === 0) queueMicrotask(publish);
        const stops = globs.map((inside, i) =>
          watch.call(
            inner,
            inside,
            (snapshot) => {
              latest[i] = asMap(snapshot);
              publish();
            },
            onError,
          ),
        );
        return () => {
          stopped = true;
          for (const stop of stops) stop();
        };
      },
    }),
    close: () => inner.close?.(),
  };
}

/**
 * The globs inside that together fit what a glob fits below the prefix. Each `**` may end before the prefix does or
 * reach past it, so there may be several.
 */
function inwards(prefix: string, glob: string): string[] {
  const { segments } = parseGlob(glob);
  const found = new Set<string>();
  for (let taken = 0; taken <= segments.length; taken++) {
    const head = segments.slice(0, taken);
    const rest = segments.slice(taken);
    if (rest.length > 0 && fitsWhole(head, prefix)) found.add(`/${rest.join('/')}`);
    // A `**` that has begun within the prefix goes on behind it.
    if (head.at(-1) === '**' && fitsWhole(head, prefix)) found.add(`/${['**', ...rest].join('/')}`);
  }
  return [...found];
}

function fitsWhole(head: readonly string[], prefix: string): boolean {
  if (head.length === 0) return false;
  return matches(parseGlob(`/${head.join('/')}`), prefix);
}

function unique<T extends { readonly name: string }>(entries: readonly T[]): T[] {
  return [...new Map(entries.map((entry) => [entry.name, entry])).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
