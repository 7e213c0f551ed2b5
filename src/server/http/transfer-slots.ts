import type { ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { HttpError } from './http-error.js';

/** Maximum number of concurrent imports, and of concurrent exports, of all clients. */
export const maxTransfers = 4;
/** Time for which a transfer cannot be interrupted, in ms. An older transfer ends if another client needs its slot. */
const protectedMs = 60_000;

/**
 * Limits the number of concurrent imports or exports, because each one needs memory for the text of many names: an
 * import until its changes are made, and an export until the client has read it.
 *
 * @see [C8.1](../../../docs/guarantees.md#c8-1)
 */
export class TransferSlots {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #kind: 'imports' | 'exports';
  /** Start time of each transfer, oldest first; `Infinity` for a protected transfer. */
  readonly #startedAt = new Map<ServerResponse, number>();

  constructor(clock: Pick<Clock, 'now'>, kind: 'imports' | 'exports') {
    this.#clock = clock;
    this.#kind = kind;
  }

  /**
   * Acquires a slot until the response is closed.
   *
   * @returns a function that protects the transfer after the call. An import calls this function before its changes are
   *   made, so that its client learns the result
   * @throws {@link ClerkError} `LIMIT_EXCEEDED` when {@link maxTransfers} transfers are in progress, and each of them
   *   is protected or began less than 60 s ago
   */
  acquire(response: ServerResponse): () => void {
    if (response.destroyed) return () => undefined;
    const now = this.#clock.now();
    if (this.#startedAt.size >= maxTransfers) this.#makeRoom(now);
    this.#startedAt.set(response, now);
    response.once('close', () => this.#startedAt.delete(response));
    return () => {
      if (this.#startedAt.has(response)) this.#startedAt.set(response, Infinity);
    };
  }

  #makeRoom(now: number): void {
    for (const [response, startedAt] of this.#startedAt) {
      if (now - startedAt < protectedMs) continue;
      this.#startedAt.delete(response);
      response.destroy();
      return;
    }
    throw new HttpError(
      'LIMIT_EXCEEDED',
      `The server can run at most ${String(maxTransfers)} ${this.#kind} at the same time; retry later`,
      429,
      { connection: 'close' },
    );
  }
}
