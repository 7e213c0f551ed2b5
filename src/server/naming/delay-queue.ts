/** Items that are due a fixed delay after they were added. Items stay in order of their due time, so none is searched. */
export class DelayQueue<T> {
  readonly #delayMs: number;
  readonly #dueAt = new Map<T, number>();

  /** @param delayMs - ms, the same for all items */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** When the first item is due; `Infinity` for an empty queue. */
  get nextDueAt(): number {
    for (const at of this.#dueAt.values()) return at;
    return Infinity;
  }

  /** Adds an item, or restarts the delay of one that is queued. */
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

  /** Removes and yields the due items, in order. An item that is added meanwhile is due later. */
  *takeDue(now: number): IterableIterator<T> {
    for (const [item, at] of this.#dueAt) {
      if (at > now) return;
      this.#dueAt.delete(item);
      yield item;
    }
  }
}
