import type { CheckedCredentials, CredentialSource } from '../core/credentials.js';
import type { KeyPin } from '../core/key-pin.js';

/** What a clerk needs of an identity. */
export interface OpenedCredentials extends CredentialSource {
  /** Pins of the registry keys; empty when unknown. */
  readonly registryKeys?: readonly KeyPin[];
  learnRegistryKeys?(keys: readonly KeyPin[]): void;
}

type ChangeListener = (next: CheckedCredentials, former: CheckedCredentials) => void;

/** The credentials of one clerk. They are opened with the first request, since `createClerk` makes no I/O. */
export class ClerkCredentials implements CredentialSource {
  readonly #open: () => Promise<OpenedCredentials>;
  readonly #listeners = new Set<ChangeListener>();
  #opening: Promise<OpenedCredentials> | undefined;
  #source: OpenedCredentials | undefined;
  #stopListening: (() => void) | undefined;
  #isClosed = false;

  /** @param open - called again after a failure */
  constructor(open: () => Promise<OpenedCredentials>) {
    this.#open = open;
  }

  get last(): CheckedCredentials | undefined {
    return this.#source?.last;
  }

  get registryKeys(): readonly KeyPin[] {
    return this.#source?.registryKeys ?? [];
  }

  learnRegistryKeys(keys: readonly KeyPin[]): void {
    this.#source?.learnRegistryKeys?.(keys);
  }

  async current(): Promise<CheckedCredentials> {
    return (this.#source ?? (await this.#opened())).current();
  }

  onChanged(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The identity may outlive the clerk. */
  close(): void {
    this.#isClosed = true;
    this.#stopListening?.();
    this.#listeners.clear();
  }

  #opened(): Promise<OpenedCredentials> {
    this.#opening ??= this.#open()
      .then((source) => {
        this.#source = source;
        if (!this.#isClosed)
          this.#stopListening = source.onChanged((next, former) => {
            for (const listener of [...this.#listeners]) listener(next, former);
          });
        return source;
      })
      .finally(() => (this.#opening = undefined));
    return this.#opening;
  }
}
