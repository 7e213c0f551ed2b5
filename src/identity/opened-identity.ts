import { callListeners } from '../core/call-listeners.js';
import type { Clock } from '../core/clock.js';
import type { CheckedCredentials } from '../core/credentials.js';
import { ClerkError, errorMessage } from '../core/errors.js';
import type { Identity, IdentityTlsOptions } from '../core/identity.js';
import type { KeyPin } from '../core/key-pin.js';
import { RegistryPins } from '../core/registry-pins.js';
import type { EnrolmentRuntime } from './request-enrolment.js';
import type { IdentityContent } from './identity-file.js';
import { enrolRotatedKey } from './enrol-rotated-key.js';

/** Where an identity is stored: in a file, in the memory of this process, or by a function of the program. */
export interface IdentityStore {
  /** Subject of messages. */
  readonly label: string;
  read(): IdentityContent | Promise<IdentityContent>;
  /**
   * Replaces the stored identity. A text in place of the function states why the key cannot be replaced, and what to
   * do.
   */
  readonly write: ((content: IdentityContent) => Promise<void>) | string;
  /** Stores announced registry keys for the next start. Default: the keys are stored only in memory. */
  readonly saveRegistryKeys?: (keys: readonly KeyPin[]) => Promise<void>;
  /** Whether `read` returns registry keys that the program has passed, in place of the stored keys. Default false. */
  readonly statesRegistryKeys?: boolean;
}

export interface OpenedIdentityRuntime extends EnrolmentRuntime {
  readonly clock: Pick<Clock, 'now'>;
  readonly warn: (message: string) => void;
}

/**
 * Minimum interval between two reads of the identity. The identity is read repeatedly, because another process may
 * replace it, for example with `rotate()`.
 */
const minReadIntervalMs = 1_000;
const sessionTimeoutSeconds = 300;

type ChangeListener = (next: CheckedCredentials, former: CheckedCredentials) => void;

export class OpenedIdentity implements Identity {
  readonly #store: IdentityStore;
  readonly #runtime: OpenedIdentityRuntime;
  readonly #listeners = new Set<ChangeListener>();
  readonly #registryPins = new RegistryPins(() => this.#content.registryKeys);
  #content: IdentityContent;
  #readAt: number;
  #reading: Promise<void> | undefined;
  #rotation: Promise<void> | undefined;
  #warned: string | undefined;

  private constructor(content: IdentityContent, store: IdentityStore, runtime: OpenedIdentityRuntime) {
    this.#content = content;
    this.#store = store;
    this.#runtime = runtime;
    this.#readAt = runtime.clock.now();
  }

  /** Rejects when the identity cannot be read or is invalid. */
  static async open(store: IdentityStore, runtime: OpenedIdentityRuntime): Promise<OpenedIdentity> {
    const identity = new OpenedIdentity(await store.read(), store, runtime);
    if (identity.#content.next !== undefined) await identity.#finishRotation();
    return identity;
  }

  get name(): string {
    return this.#content.credentials.name;
  }

  get last(): CheckedCredentials {
    return this.#content.credentials;
  }

  get registry(): readonly string[] {
    return this.#content.registry;
  }

  get registryKeys(): readonly KeyPin[] {
    return this.#registryPins.present;
  }

  learnRegistryKeys(keys: readonly KeyPin[]): void {
    const { label, saveRegistryKeys, statesRegistryKeys = false } = this.#store;
    const isProven = keys.some((key) => this.registryKeys.includes(key));
    if (!this.#registryPins.learn(keys) && !(statesRegistryKeys && isProven)) return;
    saveRegistryKeys?.(keys).catch((error: unknown) =>
      this.#runtime.warn(`${label} was not updated with the new key of the registry: ${errorMessage(error)}`),
    );
  }

  /** Never rejects: when the identity can no longer be read, the last credentials stay in use. */
  async current(): Promise<CheckedCredentials> {
    if (this.#runtime.clock.now() - this.#readAt >= minReadIntervalMs) {
      this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
      await this.#reading;
    }
    return this.last;
  }

  tls(): IdentityTlsOptions {
    const { key, cert } = this.last;
    return {
      key,
      cert,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
      sessionTimeout: sessionTimeoutSeconds,
    };
  }

  onChanged(listener: ChangeListener): () => void {
    // A function of its own for each call, so that one listener can be added twice.
    const added: ChangeListener = (next, former) => listener(next, former);
    this.#listeners.add(added);
    return () => void this.#listeners.delete(added);
  }

  rotate(): Promise<void> {
    this.#rotation ??= this.#rotate().finally(() => (this.#rotation = undefined));
    return this.#rotation;
  }

  close(): void {
    this.#listeners.clear();
  }

  async #rotate(): Promise<void> {
    const { label, write } = this.#store;
    if (typeof write === 'string')
      throw new ClerkError('IDENTITY_INVALID', `${label} cannot be rotated, because ${write}`);
    const content = await this.#store.read();
    const { name, algorithm } = content.credentials;
    const next = content.next ?? this.#runtime.keys.create(name, algorithm);
    if (content.next === undefined) await write({ ...content, next });
    const known = { ...content, registryKeys: this.registryKeys };
    const registryKeys = await enrolRotatedKey(known, next, label, this.#runtime);
    const rotated = Object.freeze({ credentials: next, registry: content.registry, registryKeys });
    await write(rotated);
    this.#replace(rotated);
  }

  /** Continues a rotation that a crash has interrupted, because the registry may already have enrolled the new key. */
  async #finishRotation(): Promise<void> {
    try {
      await this.rotate();
    } catch (error) {
      this.#runtime.warn(
        `${this.#store.label} has an unfinished rotation, which could not be finished: ${errorMessage(error)}; the old key stays in use`,
      );
    }
  }

  async #read(): Promise<void> {
    try {
      const content = await this.#store.read();
      if (content.credentials.name !== this.name)
        throw new ClerkError(
          'IDENTITY_INVALID',
          `${this.#store.label} must keep the name ${this.name}; got ${content.credentials.name}; restart the program to use another name`,
        );
      this.#warned = undefined;
      this.#replace(content);
    } catch (error) {
      const message = errorMessage(error);
      if (message !== this.#warned)
        this.#runtime.warn(
          `The last credentials of ${this.name} stay in use, because the identity cannot be read again: ${message}`,
        );
      this.#warned = message;
    } finally {
      this.#readAt = this.#runtime.clock.now();
    }
  }

  #replace(content: IdentityContent): void {
    const former = this.#content.credentials;
    const next = content.credentials;
    const isSame = next.pin === former.pin && next.cert === former.cert;
    this.#content = isSame ? { ...content, credentials: former } : content;
    if (isSame) return;
    callListeners(
      this.#listeners,
      (error) => this.#runtime.warn(`A listener of the identity ${this.name} failed: ${errorMessage(error)}`),
      next,
      former,
    );
  }
}
