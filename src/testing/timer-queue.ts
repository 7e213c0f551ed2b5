export interface QueuedTimer {
  readonly at: number;
  readonly sequence: number;
  readonly callback: () => void;
  cancelled: boolean;
}

/**
 * Binary heap of timers, ordered by time, then by sequence number. Cancelled timers are removed when they are first,
 * or when more than 64 and more than half of the timers are cancelled.
 */
export class TimerQueue {
  #heap: QueuedTimer[] = [];
  #cancelled = 0;

  push(timer: QueuedTimer): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as QueuedTimer;
      if (!isBefore(timer, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = timer;
  }

  cancel(timer: QueuedTimer): void {
    timer.cancelled = true;
    this.#cancelled++;
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) {
      // A sorted array is a valid heap.
      this.#heap = this.#heap.filter((each) => !each.cancelled).sort((a, b) => (isBefore(a, b) ? -1 : 1));
      this.#cancelled = 0;
    }
  }

  peek(): QueuedTimer | undefined {
    let first = this.#heap[0];
    while (first?.cancelled === true) {
      this.#removeFirst();
      this.#cancelled--;
      first = this.#heap[0];
    }
    return first;
  }

  pop(): QueuedTimer | undefined {
    return this.peek() === undefined ? undefined : this.#removeFirst();
  }

  #removeFirst(): QueuedTimer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as QueuedTimer)) child++;
      const below = heap[child] as QueuedTimer;
      if (!isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: QueuedTimer, b: QueuedTimer): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
