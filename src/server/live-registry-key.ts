import { callListeners } from '../core/call-listeners.js';
import type { CheckedCredentials } from '../core/credentials.js';
import type { Clock } from '../core/clock.js';
import { errorMessage } from '../core/errors.js';
import type { KeyPin } from '../core/key-pin.js';
import type { Logger } from '../core/logger.js';
import type { RegistryKey } from './ports.js';
import type { RegistryKeyState } from './registry-key.js';

export interface LiveRegistryKeyOptions {
  readonly initial: RegistryKeyState;
  /** Returns undefined when the file is missing. */
  readonly read: () => RegistryKeyState | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Pick<Logger, 'error'>;
}

const minReadIntervalMs = 1_000;

/**
 * The key of a running registry, which another process may replace in its file. Connections and requests cause a read
 * of the file, at most once a second. If the file cannot be read, the last key stays in use.
 */
export class LiveRegistryKey implements RegistryKey {
  readonly #options: LiveRegistryKeyOptions;
  readonly #listeners: (() => void)[] = [];
  #state: RegistryKeyState;
  #readAt: number;
  #logged: string | undefined;

  constructor(options: LiveRegistryKeyOptions) {
    this.#options = options;
    this.#state = options.initial;
    this.#readAt = options.clock.now();
  }

  get credentials(): CheckedCredentials {
    return this.#state.credentials;
  }

  get pins(): readonly KeyPin[] {
    return this.#state.pins;
  }

  onChanged(listener: () => void): void {
    this.#listeners.push(listener);
  }

  poll(): void {
    const { clock, logger } = this.#options;
    const now = clock.now();
    if (now - this.#readAt < minReadIntervalMs) return;
    this.#readAt = now;
    const state = this.#read();
    if (state === undefined) return;
    const { credentials, pins } = this.#state;
    if (state.credentials.pin === credentials.pin && state.pins.join() === pins.join()) return;
    this.#state = state;
    callListeners(this.#listeners, (error) =>
      logger.error(
        `The registry key was reloaded from its file, but a part of the server did not accept the change: ${errorMessage(error)}; restart the server`,
      ),
    );
  }

  /** Returns undefined, and logs an error, when the file cannot be read. */
  #read(): RegistryKeyState | undefined {
    const { read, logger } = this.#options;
    try {
      const state = read();
      if (state === undefined) throw new Error('the file is missing; restore the file from a backup');
      this.#logged = undefined;
      return state;
    } catch (error) {
      const message = `The registry key was not reloaded from its file, and the last key stays in use: ${errorMessage(error)}`;
      if (message !== this.#logged) logger.error(message);
      this.#logged = message;
      return undefined;
    }
  }
}
