export interface LimitedPool {
  /**
   * Closes an idle connection, or a connecting socket for which no request waits. Returns false if the pool has
   * neither.
   */
  closeIdle(): boolean;
  /** Called when the pool may call `tryOpen` again. */
  onRoom(): void;
}

/** @param maxOpenFiles - `Infinity` if the process has no limit */
export function defaultMaxSockets(maxOpenFiles: number): number {
  return Math.max(1, Math.floor(maxOpenFiles / 2));
}

/**
 * Limits the open sockets of all pools of a clerk. A pool that needs a socket at the limit waits until a socket has
 * closed. While a pool waits, an idle connection of any pool is closed.
 */
export class SocketLimit {
  #open = 0;
  #closing = 0;
  readonly #pools = new Set<LimitedPool>();
  readonly #waiting = new Set<LimitedPool>();

  /** @param maxSockets - `Infinity` for no limit */
  constructor(readonly maxSockets: number) {}

  /** Whether a pool waits for a socket, and no connection is being closed for that pool yet. */
  get isWanted(): boolean {
    return this.#waiting.size > this.#closing;
  }

  isAwaitedBy(pool: LimitedPool): boolean {
    return this.#waiting.has(pool);
  }

  add(pool: LimitedPool): void {
    this.#pools.add(pool);
  }

  remove(pool: LimitedPool): void {
    this.#pools.delete(pool);
    this.#waiting.delete(pool);
  }

  /** Counts a socket that is about to be opened. Returns false if the limit is reached; `onRoom` is called later. */
  tryOpen(pool: LimitedPool): boolean {
    if (this.#open < this.maxSockets) {
      this.#open++;
      return true;
    }
    this.#waiting.add(pool);
    if (this.isWanted) this.#closeOneIdle();
    return false;
  }

  /** Counts a socket that undici has opened in place of a lost socket, even beyond the limit. */
  reopened(): void {
    this.#open++;
  }

  closing(): void {
    this.#closing++;
  }

  closed(): void {
    this.#open--;
    if (this.#closing > 0) this.#closing--;
    while (this.#open < this.maxSockets) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      next.onRoom();
    }
  }

  #closeOneIdle(): void {
    for (const pool of this.#pools) {
      if (!pool.closeIdle()) continue;
      this.#closing++;
      return;
    }
  }
}
