import { ServerResponse, type IncomingMessage } from 'node:http';

/** Reports its end, after which its unsent bytes only decrease. */
export class MeteredResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  onEnded: () => void = () => undefined;

  override end(...args: unknown[]): this {
    Reflect.apply(super.end.bind(this), this, args);
    this.onEnded();
    return this;
  }
}

/**
 * Bounds the bytes of all responses that clients have not taken yet. Above the maximum, the responses that have waited
 * for the longest time are destroyed, with their connections.
 *
 * @see [C8.1](../../../docs/guarantees.md#c8-1)
 */
export class UnsentResponses {
  readonly #maxBytes: number;
  readonly #onDestroyed: (response: ServerResponse) => void;
  /** Upper bounds of the unsent bytes. The response that has waited for the longest time is first. */
  readonly #unsent = new Map<ServerResponse, number>();
  #total = 0;

  /** @param onDestroyed - called before a response is destroyed */
  constructor(maxBytes: number, onDestroyed: (response: ServerResponse) => void) {
    this.#maxBytes = maxBytes;
    this.#onDestroyed = onDestroyed;
  }

  get bytes(): number {
    return this.#total;
  }

  /** Called after bytes were written to a response, or sent. */
  update(response: ServerResponse): void {
    const before = this.#unsent.get(response);
    const bytes = response.destroyed ? 0 : response.writableLength;
    if (bytes === 0) {
      this.#remove(response);
      return;
    }
    if (before === undefined) response.once('close', () => this.#remove(response));
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
