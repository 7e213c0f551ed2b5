/** Limits the number of running instances of each manifest. @see [A21](../../../docs/guarantees.md#a21) */
export class InstanceLimit {
  readonly #running = new Map<string, number>();

  /**
   * Counts one more running instance of a manifest if fewer than `limit` instances are counted. Returns whether the
   * instance was counted.
   */
  tryAcquire(manifest: string, limit: number): boolean {
    const running = this.#running.get(manifest) ?? 0;
    if (running >= limit) return false;
    this.#running.set(manifest, running + 1);
    return true;
  }

  /** Removes one ended instance of a manifest from the count. */
  release(manifest: string): void {
    const remaining = (this.#running.get(manifest) ?? 0) - 1;
    if (remaining > 0) this.#running.set(manifest, remaining);
    else this.#running.delete(manifest);
  }
}
