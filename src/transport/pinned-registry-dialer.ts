import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import type { CredentialSource, KeyTools } from '../core/credentials.js';
import { ClerkError } from '../core/errors.js';
import type { KeyPin } from '../core/key-pin.js';
import type { RegistryStatement } from '../core/registry-pins.js';
import { parseRegistryKeys } from '../protocol/registry-keys.js';
import type { Dial } from './connector.js';
import { pinnedDial } from './pinned-tls.js';
import { SessionCache } from './session-cache.js';

export interface PinnedRegistryDialerOptions {
  /** Read before each dial, after the credentials. */
  readonly pins: () => readonly KeyPin[];
  /** Undefined: the client proves no key. */
  readonly credentials: CredentialSource | undefined;
  readonly keys: Pick<KeyTools, 'pinOf'>;
  readonly clock: Clock;
  /** Called when a server that has proved a pinned key announces other keys or another incarnation than before. */
  readonly onStatement?: (statement: RegistryStatement) => void;
}

/** What a response states about the registry. */
interface StatedFacts {
  /** HTTP status. Default 200. */
  readonly status?: number;
  readonly registryKeys: string;
  readonly incarnation: string;
}

/** Opens HTTP/1.1 connections to the servers of a registry. Each server must prove one of the keys of the registry. */
export class PinnedRegistryDialer {
  readonly #options: PinnedRegistryDialerOptions;
  readonly #sessions = new SessionCache();
  #lastStatement = '';

  constructor(options: PinnedRegistryDialerOptions) {
    this.#options = options;
  }

  /**
   * Reads the credentials. Must resolve before each dial.
   * @throws {@link ClerkError} `CONFIG_INVALID` when no key of the registry is known
   * @throws {@link ClerkError} `IDENTITY_INVALID` when the credentials cannot be read or are invalid
   */
  async prepare(): Promise<void> {
    await this.#options.credentials?.current();
    if (this.#options.pins().length > 0) return;
    throw new ClerkError(
      'CONFIG_INVALID',
      'The registry cannot prove its key, because no key of the registry is known. Set the option registryKey or $CLERK_REGISTRY_KEY. If you use an identity file without registryKey, its enrolment is unfinished: enroll again with a new token',
    );
  }

  /** Reads the credentials again, so that replaced credentials are noticed even while no new connection is needed. */
  poll(): void {
    this.#options.credentials?.current().catch(() => undefined);
  }

  dial(address: Address, timeoutMs: number): Dial {
    const { pins, credentials, keys, clock } = this.#options;
    return pinnedDial({
      ...{ address, pins, keys, clock, timeoutMs },
      credentials: () => credentials?.last,
      sessions: this.#sessions,
      allowH2: false,
    });
  }

  onResponse({ status = 200, registryKeys, incarnation }: StatedFacts): void {
    // After 401, the registry does not know the key of the client. It may be another registry, so its statements are
    // ignored.
    if (status === 401) return;
    const text = `${registryKeys} ${incarnation}`;
    if (this.#options.onStatement === undefined || text === this.#lastStatement) return;
    this.#lastStatement = text;
    const keys = parseRegistryKeys(registryKeys);
    if (keys !== undefined) this.#options.onStatement({ keys, incarnation });
  }

  /** The listener is called when new connections prove another key than present connections. */
  onChanged(listener: () => void): () => void {
    return this.#options.credentials?.onChanged(listener) ?? (() => undefined);
  }
}
