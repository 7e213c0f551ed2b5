export type FenceRef = readonly [name: string, id: string];

/** The fences of a registry, oldest first, indexed by principal. */
export class FenceIndex {
  /** Principal of each fence, by fence key. */
  readonly #all = new Map<string, string>();
  readonly #byPrincipal = new Map<string, Set<string>>();

  get size(): number {
    return this.#all.size;
  }

  count(principal: string): number {
    return this.#byPrincipal.get(principal)?.size ?? 0;
  }

  /** Adds a fence as the newest one. A fence that is already in the index moves to the end. */
  add(name: string, id: string, principal = ''): void {
    this.delete(name, id);
    const key = fenceKey(name, id);
    this.#all.set(key, principal);
    const own = this.#byPrincipal.get(principal);
    if (own === undefined) this.#byPrincipal.set(principal, new Set([key]));
    else own.add(key);
  }

  delete(name: string, id: string): void {
    const key = fenceKey(name, id);
    const principal = this.#all.get(key);
    if (principal === undefined) return;
    this.#all.delete(key);
    const own = this.#byPrincipal.get(principal);
    own?.delete(key);
    if (own?.size === 0) this.#byPrincipal.delete(principal);
  }

  /** @param principal - default: all principals */
  *oldest(principal?: string): IterableIterator<FenceRef> {
    const keys = principal === undefined ? this.#all.keys() : (this.#byPrincipal.get(principal) ?? []);
    for (const key of keys) yield key.split(' ', 2) as unknown as FenceRef;
  }
}

export function fenceKey(name: string, id: string): string {
  return `${name} ${id}`;
}
