import { tryResolveLinks, type LinkSource } from '../state/resolve-links.js';

interface ExactName<Watch> {
  readonly name: string;
  readonly watches: Set<Watch>;
  dependencies: ReadonlySet<string>;
  /** At the last update; undefined if the name did not exist. */
  fingerprint: string | undefined;
}

/**
 * Index of the watched names without wildcards. A watch of such a name reports every change of the lookup result. The
 * result depends on each link and entry on the path of the lookup.
 */
export class ExactNameIndex<Watch> {
  readonly #byName = new Map<string, ExactName<Watch>>();
  readonly #dependents = new Map<string, Set<ExactName<Watch>>>();
  readonly #links: LinkSource;
  readonly #fingerprintOf: (name: string) => string | undefined;

  constructor(links: LinkSource, fingerprintOf: (name: string) => string | undefined) {
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

  update(names: Iterable<string>): ReadonlyMap<string, ReadonlySet<Watch>> {
    const changed = new Map<string, ReadonlySet<Watch>>();
    for (const exact of this.#dependentsOf(names)) {
      // The dependencies can change even if the fingerprint stays the same.
      this.#removeDependencies(exact);
      this.#addDependencies(exact);
      const fingerprint = this.#fingerprintOf(exact.name);
      if (fingerprint === exact.fingerprint) continue;
      exact.fingerprint = fingerprint;
      changed.set(exact.name, exact.watches);
    }
    return changed;
  }

  affectedBy(changed: Iterable<string>, globs: readonly string[]): ReadonlySet<string> {
    const prefixes = new Set<string>();
    for (const name of changed) for (const prefix of prefixesOf(name)) prefixes.add(prefix);
    return new Set(
      globs.filter(
        (name) =>
          !name.includes('*') && [...this.#dependenciesOf(name)].some((prefix) => prefixes.has(prefix)),
      ),
    );
  }

  #dependenciesOf(name: string): Set<string> {
    const dependencies = new Set<string>();
    tryResolveLinks(this.#links, name, (prefix) => dependencies.add(prefix));
    return dependencies;
  }

  /**
   * Returns the watched names that depend on one of `names` or on its ancestors. An ancestor without an entry
   * disappears with the last name below it.
   */
  #dependentsOf(names: Iterable<string>): Set<ExactName<Watch>> {
    const found = new Set<ExactName<Watch>>();
    if (this.#byName.size === 0) return found;
    for (const name of names)
      for (const prefix of prefixesOf(name))
        for (const exact of this.#dependents.get(prefix) ?? []) found.add(exact);
    return found;
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

function* prefixesOf(name: string): IterableIterator<string> {
  for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1)) yield name.slice(0, end);
}
