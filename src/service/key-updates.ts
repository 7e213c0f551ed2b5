import { errorMessage } from '../core/errors.js';
import type { Identity, IdentityTlsOptions } from '../core/identity.js';
import type { Logger } from '../core/logger.js';

export interface KeyUpdatesOptions {
  readonly identity: Identity;
  /** Undefined when the program replaces the key of its server itself. */
  readonly server: SecureServer | undefined;
  /** Registers the service again, on a connection on which the service proves the new key. */
  readonly register: () => Promise<void>;
  readonly label: string;
  readonly logger: Pick<Logger, 'warn'>;
}

export interface SecureServer {
  setSecureContext(options: IdentityTlsOptions): void;
}

/**
 * Replaces the key of a running service. Clients accept the new key only after the registry has stored it, so the
 * server gets the new key after the registration. Open connections stay open.
 *
 * @see [C7.3](../../docs/guarantees.md#c7-3)
 */
export class KeyUpdates {
  readonly #options: KeyUpdatesOptions;
  readonly #stopListening: () => void;
  /** Whether the server still has the former key. */
  #isPending = false;
  #isSending = false;

  constructor(options: KeyUpdatesOptions) {
    this.#options = options;
    const { identity, server } = options;
    // The key may have changed after the program created the server.
    server?.setSecureContext(identity.tls());
    this.#stopListening = identity.onChanged(() => {
      this.#isPending = true;
      void this.#send();
    });
  }

  /** Checks whether the identity has a new key, and sends it to the registry. Called at each renewal of the lease. */
  poll(): void {
    void this.#options.identity.current().catch(() => undefined);
    void this.#send();
  }

  close(): void {
    this.#stopListening();
    this.#isPending = false;
  }

  async #send(): Promise<void> {
    if (!this.#isPending || this.#isSending) return;
    const { identity, server, register, label, logger } = this.#options;
    this.#isSending = true;
    try {
      const { pin } = await identity.current();
      await register();
      if (identity.last?.pin !== pin) return;
      server?.setSecureContext(identity.tls());
      this.#isPending = false;
    } catch (error) {
      logger.warn(
        `The registry did not accept the new key of ${label}: ${errorMessage(error)}; the service sends the key again with the next renewal of its lease`,
      );
    } finally {
      this.#isSending = false;
    }
  }
}
