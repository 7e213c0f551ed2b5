/** Limits how many units each key, such as a principal, holds at once. */
export class Quotas {
  readonly #used = new Map<string, number>();

  /** Returns false if the key already holds `max` units. */
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
