/**
 * Names that are watched as they are written, without wildcards: they are resolved, so a change of any link or entry on
 * their way concerns them. Kept is what each depends on, and how its answer looked when it was told last.
 */
import { isClerkError } from '../../../core/errors.js';
import { resolveLinks, type LinkSource } from '../state/resolve-links.js';

/** A name that is watched by some. */
interface ExactName<Watcher> {
  readonly name: string;
  readonly watchers: Set<Watcher>;
  readonly dependencies: Set<string>;
  fingerprint: string | undefined;
}

/** Watched names and what they depend on. */
export class ExactNameIndex<Watcher> {
  readonly #byName = new Map<string, ExactName<Watcher>>();
  readonly #dependents = new Map<string, Set<ExactName<Watcher>>>();
  readonly #links: LinkSource;
  readonly #fingerprintOf: (name: string) => string | undefined;

  /** @param fingerprintOf - differs whenever the answer does */
  constructor(links: LinkSource, fingerprintOf: (name: string) => string | undefined) {
    this.#links = links;
    this.#fingerprintOf = fingerprintOf;
  }

  add(name: string, watcher: Watcher): void {
    let plain = this.#byName.get(name);
    if (plain === undefined) {
      plain = { name, watchers: new Set(), dependencies: new Set(), fingerprint: this.#fingerprintOf(name) };
      this.#byName.set(name, plain);
      this.#addDependencies(plain);
    }
    plain.watchers.add(watcher);
  }

  delete(name: string, watcher: Watcher): void {
    const plain = this.#byName.get(name);
    if (plain?.watchers.delete(watcher) !== true || plain.watchers.size > 0) return;
    this.#byName.delete(name);
    this.#removeDependencies(plain);
  }

  /** Those whose answer is another now, with who watches them. */
  update(names: Iterable<string>): ReadonlyMap<string, ReadonlySet<Watcher>> {
    const changed = new Map<string, ReadonlySet<Watcher>>();
    for (const plain of this.#dependentsOf(names)) {
      // It may lead another way now, to the same nothing.
      this.#removeDependencies(plain);
      this.#addDependencies(plain);
      const stamp = this.#fingerprintOf(plain.name);
      if (stamp === plain.fingerprint) continue;
      plain.fingerprint = stamp;
      changed.set(plain.name, plain.watchers);
    }
    return changed;
  }

  /** Those of some names, watched or not yet, that a change of these may have concerned. */
  affectedBy(changed: Iterable<string>, names: readonly string[]): ReadonlySet<string> {
    const all = new Set<string>();
    for (const name of changed)
      for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1)) all.add(name.slice(0, end));
    return new Set(names.filter((name) => !name.includes('*') && this.#dependsOnAny(name, all)));
  }

  #dependsOnAny(name: string, changed: ReadonlySet<string>): boolean {
    let depends = false;
    const onPrefix = (beginning: string): void => {
      depends ||= changed.has(beginning);
    };
    this.#resolveLinks(name, onPrefix);
    return depends;
  }

  /** A directory that is nobody's entry comes and goes with what is below it, so a name concerns all above it too. */
  #dependentsOf(names: Iterable<string>): Set<ExactName<Watcher>> {
    const found = new Set<ExactName<Watcher>>();
    if (this.#byName.size === 0) return found;
    for (const name of names)
      for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1))
        for (const plain of this.#dependents.get(name.slice(0, end)) ?? []) found.add(plain);
    return found;
  }

  #addDependencies(plain: ExactName<Watcher>): void {
    const onPrefix = (beginning: string): void => {
      plain.dependencies.add(beginning);
    };
    this.#resolveLinks(plain.name, onPrefix);
    for (const beginning of plain.dependencies) {
      const dependents = this.#dependents.get(beginning);
      if (dependents === undefined) this.#dependents.set(beginning, new Set([plain]));
      else dependents.add(plain);
    }
  }

  /** A walk that leads nowhere depends on all that it passed. */
  #resolveLinks(name: string, onPrefix: (beginning: string) => void): void {
    try {
      resolveLinks(this.#links, name, onPrefix);
    } catch (error) {
      if (!isClerkError(error)) throw error;
    }
  }

  #removeDependencies(plain: ExactName<Watcher>): void {
    for (const beginning of plain.dependencies) {
      const dependents = this.#dependents.get(beginning);
      if (dependents?.delete(plain) === true && dependents.size === 0) this.#dependents.delete(beginning);
    }
    plain.dependencies.clear();
  }
}
