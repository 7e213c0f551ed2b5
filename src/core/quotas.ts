/** Limits how many units each key, such as a principal, holds at once. */
export class Quotas {
  readonly #used = new Map<string, number>();
  #total = 0;

  /** Units that all keys hold together. */
  get total(): number {
    return this.#total;
  }

  /** Returns false if the key already holds `max` units. */
  tryAcquire(key: string, max: number): boolean {
    const used = this.#used.get(key) ?? 0;
    if (used >= max) return false;
    this.#used.set(key, used + 1);
    this.#total++;
    return true;
  }

  release(key: string): void {
    const used = this.#used.get(key);
    if (used === undefined) return;
    this.#total--;
    const remaining = used - 1;
    if (remaining > 0) this.#used.set(key, remaining);
    else this.#used.delete(key);
  }
}
