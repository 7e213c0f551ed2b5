/** @see [DEC C12](../../../../docs/background.md#arch-c12) */
export class AddressIndex<T extends object> {
  /** To save memory, an address with a single registration maps to the registration itself, not to a set. */
  readonly #byAddress = new Map<string, T | Set<T>>();

  get(address: string): readonly T[] {
    const found = this.#byAddress.get(address);
    return found === undefined ? [] : found instanceof Set ? [...found] : [found];
  }

  add(address: string, owner: T): void {
    const found = this.#byAddress.get(address);
    if (found === undefined || found === owner) this.#byAddress.set(address, owner);
    else if (found instanceof Set) found.add(owner);
    else this.#byAddress.set(address, new Set([found, owner]));
  }

  delete(address: string, owner: T): void {
    const found = this.#byAddress.get(address);
    if (found === owner) this.#byAddress.delete(address);
    else if (found instanceof Set && found.delete(owner) && found.size === 0) this.#byAddress.delete(address);
  }
}
