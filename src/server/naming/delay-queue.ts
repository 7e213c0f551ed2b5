/** Queue of items that become due after the same delay. The oldest item becomes due first. */
export class DelayQueue<T> {
  readonly #delayMs: number;
  readonly #dueAt = new Map<T, number>();

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  get nextDueAt(): number {
    for (const at of this.#dueAt.values()) return at;
    return Infinity;
  }

  /** Adds an item. If the queue already contains the item, the delay of the item restarts. */
  put(item: T, now: number): void {
    this.#dueAt.delete(item);
    this.#dueAt.set(item, now + this.#delayMs);
  }

  has(item: T): boolean {
    return this.#dueAt.has(item);
  }

  delete(item: T): void {
    this.#dueAt.delete(item);
  }

  *takeDue(now: number): IterableIterator<T> {
    for (const [item, at] of this.#dueAt) {
      if (at > now) return;
      this.#dueAt.delete(item);
      yield item;
    }
  }
}
