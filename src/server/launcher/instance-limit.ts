/** Limits the running instances of each manifest. @see [A21](../../../docs/guarantees.md#a21) */
export class InstanceLimit {
  readonly #running = new Map<string, number>();

  /** Counts one more instance if fewer than `limit` are counted. Returns whether the instance was counted. */
  tryAcquire(manifest: string, limit: number): boolean {
    const running = this.#running.get(manifest) ?? 0;
    if (running >= limit) return false;
    this.#running.set(manifest, running + 1);
    return true;
  }

  release(manifest: string): void {
    const remaining = (this.#running.get(manifest) ?? 0) - 1;
    if (remaining > 0) this.#running.set(manifest, remaining);
    else this.#running.delete(manifest);
  }
}
