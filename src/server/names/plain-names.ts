/**
 * Names that are watched as they are written, without wildcards: they are resolved, so a change of any link or entry on
 * their way concerns them. Kept is what each depends on, and how its answer looked when it was told last.
 */
import { isClerkError } from '../../core/errors.js';
import { walk, type Paths } from './walk.js';

/** A name that is watched by some. */
interface Plain<Watcher> {
  readonly name: string;
  readonly watchers: Set<Watcher>;
  readonly dependsOn: Set<string>;
  stamp: string | undefined;
}

/** Watched names and what they depend on. */
export class PlainNames<Watcher> {
  readonly #byName = new Map<string, Plain<Watcher>>();
  readonly #dependents = new Map<string, Set<Plain<Watcher>>>();
  readonly #paths: Paths;
  readonly #stampOf: (name: string) => string | undefined;

  /** @param stampOf - differs whenever the answer does */
  constructor(paths: Paths, stampOf: (name: string) => string | undefined) {
    this.#paths = paths;
    this.#stampOf = stampOf;
  }

  add(name: string, watcher: Watcher): void {
    let plain = this.#byName.get(name);
    if (plain === undefined) {
      plain = { name, watchers: new Set(), dependsOn: new Set(), stamp: this.#stampOf(name) };
      this.#byName.set(name, plain);
      this.#depend(plain);
    }
    plain.watchers.add(watcher);
  }

  delete(name: string, watcher: Watcher): void {
    const plain = this.#byName.get(name);
    if (plain?.watchers.delete(watcher) !== true || plain.watchers.size > 0) return;
    this.#byName.delete(name);
    this.#independ(plain);
  }

  /** Those whose answer is another now, with who watches them. */
  changed(names: Iterable<string>): ReadonlyMap<string, ReadonlySet<Watcher>> {
    const changed = new Map<string, ReadonlySet<Watcher>>();
    for (const plain of this.#over(names)) {
      // It may lead another way now, to the same nothing.
      this.#independ(plain);
      this.#depend(plain);
      const stamp = this.#stampOf(plain.name);
      if (stamp === plain.stamp) continue;
      plain.stamp = stamp;
      changed.set(plain.name, plain.watchers);
    }
    return changed;
  }

  /** Those of some names, watched or not yet, that a change of these may have concerned. */
  wouldTouch(changed: Iterable<string>, names: readonly string[]): ReadonlySet<string> {
    const all = new Set<string>();
    for (const name of changed)
      for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1)) all.add(name.slice(0, end));
    return new Set(names.filter((name) => !name.includes('*') && this.#dependsOnAny(name, all)));
  }

  #dependsOnAny(name: string, changed: ReadonlySet<string>): boolean {
    let depends = false;
    const passing = (beginning: string): void => {
      depends ||= changed.has(beginning);
    };
    this.#walk(name, passing);
    return depends;
  }

  /** A directory that is nobody's entry comes and goes with what is below it, so a name concerns all above it too. */
  #over(names: Iterable<string>): Set<Plain<Watcher>> {
    const found = new Set<Plain<Watcher>>();
    if (this.#byName.size === 0) return found;
    for (const name of names)
      for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1))
        for (const plain of this.#dependents.get(name.slice(0, end)) ?? []) found.add(plain);
    return found;
  }

  #depend(plain: Plain<Watcher>): void {
    const passing = (beginning: string): void => {
      plain.dependsOn.add(beginning);
    };
    this.#walk(plain.name, passing);
    for (const beginning of plain.dependsOn) {
      const dependents = this.#dependents.get(beginning);
      if (dependents === undefined) this.#dependents.set(beginning, new Set([plain]));
      else dependents.add(plain);
    }
  }

  /** A walk that leads nowhere depends on all that it passed. */
  #walk(name: string, passing: (beginning: string) => void): void {
    try {
      walk(this.#paths, name, passing);
    } catch (error) {
      if (!isClerkError(error)) throw error;
    }
  }

  #independ(plain: Plain<Watcher>): void {
    for (const beginning of plain.dependsOn) {
      const dependents = this.#dependents.get(beginning);
      if (dependents?.delete(plain) === true && dependents.size === 0) this.#dependents.delete(beginning);
    }
    plain.dependsOn.clear();
  }
}
