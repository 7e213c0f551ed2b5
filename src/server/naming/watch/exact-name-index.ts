import type { LookupFingerprint } from '../lookup-cache.js';
import { tryResolveLinks, type LinkSource } from '../state/resolve-links.js';

interface ExactName<Watch> {
  readonly name: string;
  readonly watches: Set<Watch>;
  dependencies: ReadonlySet<string>;
  /** Fingerprint at the last update; undefined if the name did not exist. */
  fingerprint: LookupFingerprint | undefined;
}

export interface ChangedName<Watch> {
  readonly name: string;
  readonly watches: ReadonlySet<Watch>;
  /**
   * Whether only `namesBelow` has changed. A client without rights on the names below must not learn of this change.
   */
  readonly isOnlyBelow: boolean;
}

/**
 * Index of the watched names without wildcards. A watch of such a name reports every change of the lookup result. The
 * result depends on each entry on the path of the lookup, and on the names below the name: a directory without an entry
 * disappears with its last name.
 */
export class ExactNameIndex<Watch> {
  readonly #byName = new Map<string, ExactName<Watch>>();
  readonly #dependents = new Map<string, Set<ExactName<Watch>>>();
  readonly #links: LinkSource;
  readonly #fingerprintOf: (name: string) => LookupFingerprint | undefined;

  constructor(links: LinkSource, fingerprintOf: (name: string) => LookupFingerprint | undefined) {
    this.#links = links;
    this.#fingerprintOf = fingerprintOf;
  }

  add(name: string, watch: Watch): void {
    let exact = this.#byName.get(name);
    if (exact === undefined) {
      exact = { name, watches: new Set(), dependencies: new Set(), fingerprint: this.#fingerprintOf(name) };
      this.#byName.set(name, exact);
      this.#addDependencies(exact);
    }
    exact.watches.add(watch);
  }

  delete(name: string, watch: Watch): void {
    const exact = this.#byName.get(name);
    if (exact?.watches.delete(watch) !== true || exact.watches.size > 0) return;
    this.#byName.delete(name);
    this.#removeDependencies(exact);
  }

  /** Returns the number of watched names that {@link ExactNameIndex.update} examines. */
  dependentCount(names: Iterable<string>): number {
    if (this.#byName.size === 0) return 0;
    let count = 0;
    for (const prefix of allPrefixes(names)) count += this.#dependents.get(prefix)?.size ?? 0;
    return count;
  }

  /** Yields each examined name whose lookup result has changed; undefined for each one whose result is the same. */
  *update(names: Iterable<string>): IterableIterator<ChangedName<Watch> | undefined> {
    if (this.#byName.size === 0) return;
    for (const prefix of allPrefixes(names))
      // Iterates over a copy, because the loop changes the set.
      for (const exact of [...(this.#dependents.get(prefix) ?? [])]) {
        // A watch may have ended while the names were examined in slices.
        if (exact.watches.size > 0) yield this.#updateName(exact);
      }
  }

  /** Yields each of `globs` that the changes may affect. Yields undefined in between, so that other work can run. */
  *affectedBy(changed: Iterable<string>, globs: readonly string[]): IterableIterator<string | undefined> {
    const prefixes = new Set<string>();
    for (const name of changed) {
      for (const prefix of prefixesOf(name)) prefixes.add(prefix);
      yield undefined;
    }
    for (const name of new Set(globs)) {
      const isAffected =
        !name.includes('*') && [...this.#dependenciesOf(name)].some((prefix) => prefixes.has(prefix));
      yield isAffected ? name : undefined;
    }
  }

  #updateName(exact: ExactName<Watch>): ChangedName<Watch> | undefined {
    // The dependencies can change even if the fingerprint stays the same.
    this.#removeDependencies(exact);
    this.#addDependencies(exact);
    const before = exact.fingerprint;
    const after = this.#fingerprintOf(exact.name);
    const isSame = before?.versions === after?.versions;
    if (isSame && before?.namesBelow === after?.namesBelow) return undefined;
    exact.fingerprint = after;
    return { name: exact.name, watches: exact.watches, isOnlyBelow: isSame };
  }

  #dependenciesOf(name: string): Set<string> {
    const dependencies = new Set<string>();
    tryResolveLinks(this.#links, name, (prefix) => dependencies.add(prefix));
    return dependencies;
  }

  #addDependencies(exact: ExactName<Watch>): void {
    exact.dependencies = this.#dependenciesOf(exact.name);
    for (const prefix of exact.dependencies) {
      const dependents = this.#dependents.get(prefix);
      if (dependents === undefined) this.#dependents.set(prefix, new Set([exact]));
      else dependents.add(exact);
    }
  }

  #removeDependencies(exact: ExactName<Watch>): void {
    for (const prefix of exact.dependencies) {
      const dependents = this.#dependents.get(prefix);
      if (dependents?.delete(exact) === true && dependents.size === 0) this.#dependents.delete(prefix);
    }
  }
}

/** Yields the names and their ancestors, each once. */
function* allPrefixes(names: Iterable<string>): IterableIterator<string> {
  const seen = new Set<string>();
  for (const name of names)
    for (const prefix of prefixesOf(name)) {
      // If a prefix was seen, all its ancestors were seen too.
      if (seen.has(prefix)) break;
      seen.add(prefix);
      yield prefix;
    }
}

function* prefixesOf(name: string): IterableIterator<string> {
  for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1)) yield name.slice(0, end);
}
