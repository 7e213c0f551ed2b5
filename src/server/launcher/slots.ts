/** How many processes each manifest has at once. @see promises A21 */

/** Counts them. */
export class Slots {
  readonly #taken = new Map<string, number>();

  /** Takes one if fewer than `most` are taken. */
  take(manifest: string, most: number): boolean {
    const taken = this.#taken.get(manifest) ?? 0;
    if (taken >= most) return false;
    this.#taken.set(manifest, taken + 1);
    return true;
  }

  /** Gives one back. */
  give(manifest: string): void {
    const left = (this.#taken.get(manifest) ?? 0) - 1;
    if (left > 0) this.#taken.set(manifest, left);
    else this.#taken.delete(manifest);
  }
}
