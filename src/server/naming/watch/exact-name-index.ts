import { isClerkError } from '../../../core/errors.js';
import { resolveLinks, type LinkSource } from '../state/resolve-links.js';

/** A name that is watched without wildcards. */
interface ExactName<Watch> {
  readonly name: string;
  readonly watches: Set<Watch>;
  /** The prefixes and directory identifiers that its lookup reads. */
  readonly dependencies: Set<string>;
  /** Of the lookup that was sent last. */
  fingerprint: string | undefined;
}

/**
 * Names that are watched without wildcards. A watch shows their lookups, so a change of any link or entry on the way
 * concerns them. The index keeps the dependencies of each name, and a fingerprint of its last lookup.
 */
export class ExactNameIndex<Watch> {
  readonly #byName = new Map<string, ExactName<Watch>>();
  readonly #dependents = new Map<string, Set<ExactName<Watch>>>();
  readonly #links: LinkSource;
  readonly #fingerprintOf: (name: string) => string | undefined;

  /** @param fingerprintOf - differs whenever the lookup of a name differs */
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

  /** The watched names whose lookups differ after changes of `names`, with their watches. */
  update(names: Iterable<string>): ReadonlyMap<string, ReadonlySet<Watch>> {
    const changed = new Map<string, ReadonlySet<Watch>>();
    for (const exact of this.#dependentsOf(names)) {
      // Dependencies can change even when the fingerprint does not.
      this.#removeDependencies(exact);
      this.#addDependencies(exact);
      const fingerprint = this.#fingerprintOf(exact.name);
      if (fingerprint === exact.fingerprint) continue;
      exact.fingerprint = fingerprint;
      changed.set(exact.name, exact.watches);
    }
    return changed;
  }

  /** Those of `globs` without wildcards whose lookups may differ after changes of `changed`. */
  affectedBy(changed: Iterable<string>, globs: readonly string[]): ReadonlySet<string> {
    const prefixes = new Set<string>();
    for (const name of changed) for (const prefix of prefixesOf(name)) prefixes.add(prefix);
    return new Set(globs.filter((name) => !name.includes('*') && this.#dependsOnAny(name, prefixes)));
  }

  #dependsOnAny(name: string, changed: ReadonlySet<string>): boolean {
    let depends = false;
    this.#resolveLinks(name, (prefix) => {
      depends ||= changed.has(prefix);
    });
    return depends;
  }

  /** A directory without an entry exists while there are names below it, so a change concerns all prefixes of a name. */
  #dependentsOf(names: Iterable<string>): Set<ExactName<Watch>> {
    const found = new Set<ExactName<Watch>>();
    if (this.#byName.size === 0) return found;
    for (const name of names)
      for (const prefix of prefixesOf(name))
        for (const exact of this.#dependents.get(prefix) ?? []) found.add(exact);
    return found;
  }

  #addDependencies(exact: ExactName<Watch>): void {
    this.#resolveLinks(exact.name, (prefix) => {
      exact.dependencies.add(prefix);
    });
    for (const prefix of exact.dependencies) {
      const dependents = this.#dependents.get(prefix);
      if (dependents === undefined) this.#dependents.set(prefix, new Set([exact]));
      else dependents.add(exact);
    }
  }

  /** A name that cannot be resolved depends on all prefixes that were read. */
  #resolveLinks(name: string, onPrefix: (prefix: string) => void): void {
    try {
      resolveLinks(this.#links, name, onPrefix);
    } catch (error) {
      if (!isClerkError(error)) throw error;
    }
  }

  #removeDependencies(exact: ExactName<Watch>): void {
    for (const prefix of exact.dependencies) {
      const dependents = this.#dependents.get(prefix);
      if (dependents?.delete(exact) === true && dependents.size === 0) this.#dependents.delete(prefix);
    }
    exact.dependencies.clear();
  }
}

/** The name itself and all names above it. */
function* prefixesOf(name: string): IterableIterator<string> {
  for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1)) yield name.slice(0, end);
}
