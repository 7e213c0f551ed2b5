import type { CheckedCredentials } from '../core/credentials.js';
import type { KeyPin } from '../core/key-pin.js';
import type { RegistryCredentials } from './server-connector.js';

type ChangeListener = (next: CheckedCredentials, former: CheckedCredentials) => void;

/** Credentials that are opened with the first request, since `createClerk` and `remoteRegistry` perform no I/O. */
export class LazyCredentials implements RegistryCredentials {
  readonly #open: () => Promise<RegistryCredentials>;
  readonly #listeners = new Set<ChangeListener>();
  #opening: Promise<RegistryCredentials> | undefined;
  #source: RegistryCredentials | undefined;
  #stopListening: (() => void) | undefined;
  #isClosed = false;

  /** @param open - opens the credentials; called again after a failure */
  constructor(open: () => Promise<RegistryCredentials>) {
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

  /** Removes all listeners. Does not close the identity, because the program may continue to use it. */
  close(): void {
    this.#isClosed = true;
    this.#stopListening?.();
    this.#listeners.clear();
  }

  #opened(): Promise<RegistryCredentials> {
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
