import type { ResolvedService } from '../core/resolution-result.js';

interface NameResolver {
  resolve(name: string): Promise<ResolvedService>;
}

interface KnownServices {
  /** Returns the last result of the name that had endpoints, even if the result has expired. */
  peek(name: string): ResolvedService | undefined;
}

/**
 * Number of concurrent lookups in each round, shortest names first. Most services have names of one or two segments,
 * so the first round often suffices. Many paths share these short names, so the cache needs few entries.
 */
const waveSizes: readonly number[] = [2, 1, 1, 4];

/**
 * Returns the longest of several names that is a service, or undefined. If one of the names is a known service without
 * names below it, only this name is looked up. If no known service qualifies, the names are looked up from
 * the shortest to the longest, until a service has no names below it. A lookup may return a fresh cached result, or the
 * last known result while the registry is unreachable.
 *
 * @param names - the prefixes of a path, longest first
 * @see [Decision 138](../../docs/decisions/138-names-below-a-service.md)
 */
export async function findLongestPrefix(
  names: readonly string[],
  resolver: NameResolver,
  known: KnownServices,
): Promise<string | undefined> {
  const last = names.find((name) => known.peek(name)?.namesBelow === false);
  if (last !== undefined && isLongest(await resolver.resolve(last))) return last;
  const shortestFirst = names.toReversed();
  let longest: ResolvedService | undefined;
  for (let start = 0, wave = 0; start < names.length; wave++) {
    // If the registry does not state whether a service has names below it, one lookup round for all remaining names
    // takes the least time.
    const isUnstated = longest !== undefined && longest.namesBelow === undefined;
    const size = isUnstated ? names.length : (waveSizes[wave] ?? names.length);
    const wanted = shortestFirst.slice(start, start + size);
    for (const result of await Promise.all(wanted.map((name) => resolver.resolve(name)))) {
      if (result.kind === 'bound') longest = result;
      if (isLongest(result)) return result.name;
    }
    start += size;
  }
  return longest?.name;
}

function isLongest({ kind, namesBelow }: ResolvedService): boolean {
  return kind === 'bound' && namesBelow === false;
}
