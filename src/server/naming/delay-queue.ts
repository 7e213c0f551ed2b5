/** Things that are due a fixed time after they were put in. First in, first due: nothing is ever searched. */
export class DelayQueue<T> {
  readonly #delayMs: number;
  readonly #dueAt = new Map<T, number>();

  /** @param delayMs - ms, the same for all */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** When the first of them is due; `Infinity` when there is none. */
  get nextDueAt(): number {
    for (const at of this.#dueAt.values()) return at;
    return Infinity;
  }

  /** Puts one in, or in anew. */
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

  /** Takes out those that are due, in order. What is put in meanwhile is not among them. */
  *takeDue(now: number): IterableIterator<T> {
    for (const [item, at] of this.#dueAt) {
      if (at > now) return;
      this.#dueAt.delete(item);
      yield item;
    }
  }
}
