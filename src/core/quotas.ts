/** Counts the units that each key, such as a principal, has acquired and not released. */
export class Quotas {
  readonly #used = new Map<string, number>();

  /** Acquires one unit for the key, if the key has fewer than `max` units. Returns whether a unit was acquired. */
  tryAcquire(key: string, max: number): boolean {
    const used = this.#used.get(key) ?? 0;
    if (used >= max) return false;
    this.#used.set(key, used + 1);
    return true;
  }

  release(key: string): void {
    const remaining = (this.#used.get(key) ?? 0) - 1;
    if (remaining > 0) this.#used.set(key, remaining);
    else this.#used.delete(key);
  }
}
