/** How many processes each manifest has at once. @see promises A21 */

/** Counts them. */
export class InstanceLimit {
  readonly #running = new Map<string, number>();

  /** Takes one if fewer than `most` are taken. */
  tryAcquire(manifest: string, limit: number): boolean {
    const running = this.#running.get(manifest) ?? 0;
    if (running >= limit) return false;
    this.#running.set(manifest, running + 1);
    return true;
  }

  /** Gives one back. */
  release(manifest: string): void {
    const remaining = (this.#running.get(manifest) ?? 0) - 1;
    if (remaining > 0) this.#running.set(manifest, remaining);
    else this.#running.delete(manifest);
  }
}
