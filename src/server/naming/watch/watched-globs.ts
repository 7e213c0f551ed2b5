import { ClerkError } from '../../../core/errors.js';
import { parseGlob, type Glob } from '../../../core/glob.js';
import { limits } from '../../../protocol/limits.js';
import type { ExactNameIndex } from './exact-name-index.js';
import { GlobIndex } from './glob-index.js';

/** The indexes of all watches of a server. */
export interface WatchIndexes<Watch> {
  readonly exactNames: ExactNameIndex<Watch>;
  /** All globs with wildcards of all watches. */
  readonly globs: GlobIndex<Watch>;
}

/** The names and globs of one watch. Keeps the indexes of all watches up to date. */
export class WatchedGlobs<Watch> {
  readonly #watch: Watch;
  readonly #indexes: WatchIndexes<Watch>;
  readonly #globs = new Map<string, Glob>();
  readonly #ownIndex = new GlobIndex<Watch>();
  readonly #exactNames = new Set<string>();
  #bytes = 0;

  constructor(watch: Watch, indexes: WatchIndexes<Watch>) {
    this.#watch = watch;
    this.#indexes = indexes;
  }

  /** Total length of all names and globs, in characters. */
  get bytes(): number {
    return this.#bytes;
  }

  get texts(): readonly string[] {
    return [...this.#globs.keys(), ...this.#exactNames];
  }

  hasExact(name: string): boolean {
    return this.#exactNames.has(name);
  }

  /** Whether a glob with wildcards matches the name. */
  matches(name: string): boolean {
    return this.#ownIndex.has(name);
  }

  /** @throws {@link ClerkError} `LIMIT_EXCEEDED` when a watch has too many names and globs after an edit */
  checkEdit(add: readonly string[], removed: ReadonlySet<string>): void {
    const texts = new Set(this.texts.filter((text) => !removed.has(text)));
    for (const text of add) texts.add(parseGlob(text).text);
    checkCounts(texts);
  }

  /** @throws {@link ClerkError} `LIMIT_EXCEEDED` for too many names and globs */
  add(texts: readonly string[]): readonly Glob[] {
    const globs = [...new Set(texts)].map((text) => parseGlob(text));
    checkCounts(new Set(texts));
    for (const glob of globs) {
      const { text } = glob;
      if (glob.isExact ? this.#exactNames.has(text) : this.#globs.has(text)) continue;
      this.#bytes += text.length;
      if (glob.isExact) {
        this.#exactNames.add(text);
        this.#indexes.exactNames.add(text, this.#watch);
      } else {
        this.#globs.set(text, glob);
        this.#ownIndex.add(glob, this.#watch);
        this.#indexes.globs.add(glob, this.#watch);
      }
    }
    return globs;
  }

  delete(text: string): void {
    const glob = this.#globs.get(text);
    if (glob === undefined && !this.#exactNames.has(text)) return;
    this.#bytes -= text.length;
    if (glob === undefined) {
      this.#exactNames.delete(text);
      this.#indexes.exactNames.delete(text, this.#watch);
      return;
    }
    this.#globs.delete(text);
    this.#ownIndex.delete(glob, this.#watch);
    this.#indexes.globs.delete(glob, this.#watch);
  }

  clear(): void {
    for (const text of this.texts) this.delete(text);
  }
}

function checkCounts(texts: ReadonlySet<string>): void {
  const { maxGlobs, maxWildcardGlobs } = limits;
  if (texts.size > maxGlobs)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `A watch must have at most ${maxGlobs} names and globs; got ${texts.size}; open another watch for the other names`,
    );
  let wildcards = 0;
  for (const text of texts) wildcards += Number(text.includes('*'));
  if (wildcards > maxWildcardGlobs)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `A watch must have at most ${maxWildcardGlobs} globs with wildcards; got ${wildcards}; open another watch for the others, or use wider globs`,
    );
}
