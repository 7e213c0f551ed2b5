import { isDeepStrictEqual } from 'node:util';
import { errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { RegisterRequest } from '../protocol/registration-messages.js';

type Addresses = Pick<RegisterRequest, 'addresses' | 'enumeratedAddresses'>;

export interface AddressUpdatesOptions {
  readonly label: string;
  readonly initial: Addresses;
  /** Returns undefined when the server no longer listens. */
  readonly read: () => Addresses | undefined;
  readonly logger: Logger;
}

/**
 * Tracks the addresses of a service. A server on all network interfaces has other addresses when an interface
 * changes. After the next renewal of its lease, the service registers the new addresses.
 *
 * @see [C2.7](../../docs/guarantees.md#c2-7)
 */
export class AddressUpdates {
  readonly #options: AddressUpdatesOptions;
  #current: Addresses;
  #isSending = false;

  constructor(options: AddressUpdatesOptions) {
    this.#options = options;
    this.#current = options.initial;
  }

  get current(): Addresses {
    return this.#current;
  }

  refresh(): Addresses {
    const { read, logger, label } = this.#options;
    const next = read();
    if (next === undefined || isDeepStrictEqual(next, this.#current)) return this.#current;
    logger.warn(
      `The addresses of ${label} have changed from ${this.#current.addresses.join(', ')} to ${next.addresses.join(', ')}`,
    );
    this.#current = next;
    return next;
  }

  /** Reads the addresses again, and calls `register` after a change. If `register` rejects, the next call retries. */
  async sendChange(register: () => Promise<unknown>): Promise<void> {
    if (this.#isSending) return;
    const before = this.#current;
    if (this.refresh() === before) return;
    this.#isSending = true;
    try {
      await register();
    } catch (error) {
      this.#current = before;
      const { logger, label } = this.#options;
      logger.warn(
        `The registry did not accept the new addresses of ${label}: ${errorMessage(error)}; the service sends the addresses again with the next renewal of its lease`,
      );
    } finally {
      this.#isSending = false;
    }
  }
}
