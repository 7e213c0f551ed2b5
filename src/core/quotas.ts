/** Limits how many units each key, such as a principal, may hold at the same time. */
export class Quotas {
  readonly #used = new Map<string, number>();
  #total = 0;

  /** Units that all keys hold together. */
  get total(): number {
    return this.#total;
  }

  /** Acquires all units or none. Returns false if the key would hold more than `max` units. */
  tryAcquire(key: string, max: number, units = 1): boolean {
    const used = this.#used.get(key) ?? 0;
    if (used + units > max) return false;
    this.#used.set(key, used + units);
    this.#total += units;
    return true;
  }

  release(key: string, units = 1): void {
    const used = this.#used.get(key);
    if (used === undefined) return;
    this.#total -= units;
    const remaining = used - units;
    if (remaining > 0) this.#used.set(key, remaining);
    else this.#used.delete(key);
  }
}
