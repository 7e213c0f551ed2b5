/** A pool that shares a {@link SocketLimit} with other pools. */
export interface LimitedPool {
  /** Closes a connection that has no request. Returns whether there was one. */
  closeIdle(): boolean;
  /** Called when a socket may be opened. Opens at most one. */
  onRoom(): void;
}

/**
 * Limits the number of open sockets of all pools of a clerk. A pool that finds no room waits. Connections without a
 * request are then closed to make room.
 */
export class SocketLimit {
  readonly #maxSockets: number;
  #open = 0;
  /** Number of idle connections that are being closed to make room. */
  #closing = 0;
  readonly #pools = new Set<LimitedPool>();
  readonly #waiting = new Set<LimitedPool>();

  /** @param maxSockets - ≥ 1; `Infinity` for no limit */
  constructor(maxSockets: number) {
    this.#maxSockets = maxSockets;
  }

  /** Whether a pool waits for room, so that no pool should keep an idle connection. */
  get isWanted(): boolean {
    return this.#waiting.size > this.#closing;
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
    if (this.#open < this.#maxSockets) {
      this.#open++;
      return true;
    }
    this.#waiting.add(pool);
    if (this.isWanted) this.#closeOneIdle();
    return false;
  }

  /** Counts a socket that undici opens in place of one that was lost, whether there is room or not. */
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
    while (this.#open < this.#maxSockets) {
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
