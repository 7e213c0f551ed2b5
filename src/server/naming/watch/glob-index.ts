import { matches, type Glob } from '../../../core/glob.js';
import { isRegistryName, registryDirectory } from '../../../protocol/registry-servers.js';

interface IndexedGlob<Owner> {
  readonly glob: Glob;
  readonly owners: Set<Owner>;
}

/**
 * Globs with wildcards, indexed by the segments before their first wildcard. A name is compared only with globs whose
 * segments before the wildcard are the name or an ancestor. Equal globs of several owners are compared once.
 */
export class GlobIndex<Owner> {
  readonly #byBase = new Map<string, Map<string, IndexedGlob<Owner>>>();

  add(glob: Glob, owner: Owner): void {
    const base = baseOf(glob);
    let globs = this.#byBase.get(base);
    if (globs === undefined) this.#byBase.set(base, (globs = new Map<string, IndexedGlob<Owner>>()));
    const indexed = globs.get(glob.text);
    if (indexed === undefined) globs.set(glob.text, { glob, owners: new Set([owner]) });
    else indexed.owners.add(owner);
  }

  delete(glob: Glob, owner: Owner): void {
    const base = baseOf(glob);
    const globs = this.#byBase.get(base);
    const indexed = globs?.get(glob.text);
    if (globs === undefined || indexed?.owners.delete(owner) !== true || indexed.owners.size > 0) return;
    globs.delete(glob.text);
    if (globs.size === 0) this.#byBase.delete(base);
  }

  /** Returns the number of globs with which {@link GlobIndex.find} matches a name. */
  candidates(name: string): number {
    let count = 0;
    for (const base of basesOf(name)) count += this.#byBase.get(base)?.size ?? 0;
    return count;
  }

  has(name: string): boolean {
    for (const owners of this.find(name)) if (owners !== undefined) return true;
    return false;
  }

  /** Yields the owners of each glob that matches a name, and undefined for each glob that does not. */
  *find(name: string): IterableIterator<ReadonlySet<Owner> | undefined> {
    for (const base of basesOf(name))
      for (const { glob, owners } of this.#byBase.get(base)?.values() ?? [])
        yield matches(glob, name) ? owners : undefined;
  }
}

function baseOf({ segments }: Glob): string {
  const wildcardAt = segments.findIndex((segment) => segment.includes('*'));
  return segments
    .slice(0, wildcardAt)
    .map((segment) => `/${segment}`)
    .join('');
}

/**
 * Yields the name and its ancestors, and the empty text for the root. For `/clerk/registry`, yields only the texts that
 * begin with `/clerk`, because only globs that begin with `/clerk` match this name.
 */
function* basesOf(name: string): IterableIterator<string> {
  const shortest = isRegistryName(name) ? registryDirectory.length : 0;
  for (let end = name.length; end >= shortest; end = end === 0 ? -1 : name.lastIndexOf('/', end - 1))
    yield name.slice(0, end);
}
