import { ServerResponse, type IncomingMessage } from 'node:http';

/** A response that reports its unsent bytes when it ends. After the end, the number of unsent bytes only decreases. */
export class MeteredResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  unsent: UnsentResponses | undefined = undefined;

  override end(...args: unknown[]): this {
    super.end(...(args as Parameters<ServerResponse['end']>));
    this.unsent?.update(this);
    return this;
  }
}

/**
 * Limits the unsent bytes of all responses together. Above the limit, the responses that have waited longest are
 * destroyed, together with their connections.
 *
 * @see [C8.1](../../../docs/guarantees.md#c8-1)
 */
export class UnsentResponses {
  readonly #maxBytes: number;
  readonly #onDestroyed: (response: ServerResponse) => void;
  /** Upper bound of the unsent bytes of each response. The response that has waited longest is first. */
  readonly #unsent = new Map<ServerResponse, number>();
  /** Responses that have a `close` listener. Prevents that a watch gets another listener for each event. */
  readonly #observed = new WeakSet<ServerResponse>();
  #total = 0;

  /** @param onDestroyed - called before a response is destroyed */
  constructor(maxBytes: number, onDestroyed: (response: ServerResponse) => void) {
    this.#maxBytes = maxBytes;
    this.#onDestroyed = onDestroyed;
  }

  get bytes(): number {
    return this.#total;
  }

  /** Called after bytes were written to the buffer of a response, and after the buffer was sent. */
  update(response: ServerResponse): void {
    const before = this.#unsent.get(response);
    const bytes = response.destroyed ? 0 : response.writableLength;
    if (bytes === 0) {
      this.#remove(response);
      return;
    }
    if (!this.#observed.has(response)) {
      this.#observed.add(response);
      response.once('close', () => this.#remove(response));
    }
    this.#unsent.set(response, bytes);
    this.#total += bytes - (before ?? 0);
    if (this.#total > this.#maxBytes) this.#makeRoom();
  }

  #makeRoom(): void {
    for (const response of [...this.#unsent.keys()]) {
      const bytes = response.destroyed ? 0 : response.writableLength;
      this.#total += bytes - (this.#unsent.get(response) ?? 0);
      if (bytes === 0) this.#unsent.delete(response);
      else this.#unsent.set(response, bytes);
    }
    for (const response of this.#unsent.keys()) {
      if (this.#total <= this.#maxBytes) return;
      this.#remove(response);
      this.#onDestroyed(response);
      response.destroy();
    }
  }

  #remove(response: ServerResponse): void {
    this.#total -= this.#unsent.get(response) ?? 0;
    this.#unsent.delete(response);
  }
}
