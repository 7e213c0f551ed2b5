/** A pool that shares a {@link SocketLimit} with other pools. */
export interface LimitedPool {
  /**
   * Closes a connection without a request, or a socket that is connecting and has no waiting request. Returns whether
   * the pool had one.
   */
  closeIdle(): boolean;
  /** Called when there is room for a socket. The pool must call `tryOpen` before it opens a socket. */
  onRoom(): void;
}

/**
 * Limits the number of open sockets of all pools of a clerk. A pool that finds no room waits. Connections without a
 * request are then closed to make room.
 */
export class SocketLimit {
  #open = 0;
  /** Number of idle connections that are being closed to make room. */
  #closing = 0;
  readonly #pools = new Set<LimitedPool>();
  readonly #waiting = new Set<LimitedPool>();

  /** @param maxSockets - ≥ 1; `Infinity` for no limit */
  constructor(readonly maxSockets: number) {}

  /** Whether a pool waits for room, and no connection is being closed for that pool yet. */
  get isWanted(): boolean {
    return this.#waiting.size > this.#closing;
  }

  /** Whether a pool waits for room. */
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

  /** Counts a socket that is about to be opened. Returns false if there is no room; `onRoom` of the pool then follows. */
  tryOpen(pool: LimitedPool): boolean {
    if (this.#open < this.maxSockets) {
      this.#open++;
      return true;
    }
    this.#waiting.add(pool);
    if (this.isWanted) this.#closeOneIdle();
    return false;
  }

  /** Counts a socket that undici opens in place of a lost socket, even if there is no room. */
  reopened(): void {
    this.#open++;
  }

  /** Called when an idle connection is about to be closed because {@link isWanted} is true. */
  closing(): void {
    this.#closing++;
  }

  /** Called when a counted socket is closed. */
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
