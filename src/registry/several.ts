/** What `firstOf` and `union` have in common: lists, searches and watches over several registries. */
import type { ListEntry, Registry, Resolution, SearchEntry, Snapshot } from '../core/registry.js';

/** Listing where any part can list: every name once, in the first part's words. Fails when one that can list fails. */
export function listAll(parts: readonly Registry[]): Pick<Registry, 'list'> {
  const able = parts.filter((part) => part.list);
  if (able.length === 0) return {};
  return {
    async list(glob, context) {
      const lists = await Promise.all(able.map((part) => part.list?.(glob, context) ?? []));
      const byName = new Map<string, ListEntry>();
      for (const entry of lists.flat()) if (!byName.has(entry.name)) byName.set(entry.name, entry);
      return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}

/** Searching where any part can search. `merge`: a name's endpoints are those of all parts, not of the first. */
export function searchAll(parts: readonly Registry[], merge: boolean): Pick<Registry, 'search'> {
  const able = parts.filter((part) => part.search);
  if (able.length === 0) return {};
  return {
    async search(glob, filter, context) {
      const lists = await Promise.all(able.map((part) => part.search?.(glob, filter, context) ?? []));
      const byName = new Map<string, SearchEntry>();
      for (const entry of lists.flat()) {
        const known = byName.get(entry.name);
        if (known === undefined) byName.set(entry.name, entry);
        else if (merge) byName.set(entry.name, { name: entry.name, endpoints: [...known.endpoints, ...entry.endpoints] });
      }
      return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}

/** Watching where every part can watch: a snapshot goes out once all have given theirs, and after every change. */
export function watchMerged(parts: readonly Registry[], merge: (found: readonly Resolution[]) => Resolution): Pick<Registry, 'watch'> {
  if (parts.some((part) => part.watch === undefined)) return {};
  return {
    watch(glob, onSnapshot, onError) {
      const latest: (ReadonlyMap<string, Resolution> | undefined)[] = parts.map(() => undefined);
      const stops = parts.map((part, i) =>
        part.watch?.(
          glob,
          (snapshot) => {
            latest[i] = asMap(snapshot);
            if (latest.includes(undefined)) return;
            const whole = latest as readonly ReadonlyMap<string, Resolution>[];
            const names = new Set(whole.flatMap((map) => [...map.keys()]));
            onSnapshot(new Map([...names].map((name) => [name, merge(whole.flatMap((map) => map.get(name) ?? []))])));
          },
          onError,
        ),
      );
      return () => {
        for (const stop of stops) stop?.();
      };
    },
  };
}

/** A snapshot as a map. */
export function asMap(snapshot: Snapshot): ReadonlyMap<string, Resolution> {
  return snapshot instanceof Map ? (snapshot as ReadonlyMap<string, Resolution>) : new Map(Object.entries(snapshot));
}

/** Closes all parts. */
export async function closeAll(parts: readonly Registry[]): Promise<void> {
  await Promise.all(parts.map((part) => part.close?.()));
}
