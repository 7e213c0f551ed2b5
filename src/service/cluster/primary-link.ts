import { ClerkError } from '../../core/errors.js';
import { decodeError } from '../../protocol/error-codec.js';
import { messageKey, type PrimaryMessage, type WorkerPort, type WorkerSettings } from './cluster-messages.js';

interface PendingRequest {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

type EventListener = (event: string, payload: object) => void;

export class PrimaryLink {
  readonly settings: WorkerSettings;
  readonly #port: WorkerPort;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #listeners = new Map<string, EventListener>();
  #sequence = 0;

  constructor(port: WorkerPort, settings: WorkerSettings) {
    this.settings = settings;
    this.#port = port;
    port.onMessage((message) => this.#onMessage(message as PrimaryMessage | null));
  }

  /** @throws {@link ClerkError} the error of the primary; `CLERK_CLOSED` when the primary has ended */
  request(operation: string, ...args: readonly unknown[]): Promise<unknown> {
    const sequence = this.#sequence++;
    return new Promise((resolve, reject) => {
      this.#pending.set(sequence, { resolve, reject });
      try {
        this.#port.send({ [messageKey]: 'request', sequence, operation, args });
      } catch (cause) {
        this.#pending.delete(sequence);
        reject(
          new ClerkError(
            'CLERK_CLOSED',
            'The primary of this cluster worker has ended; end this worker, and start the program again',
            { cause },
          ),
        );
      }
    });
  }

  onEvent(group: string, listener: EventListener): () => void {
    this.#listeners.set(group, listener);
    return () => void this.#listeners.delete(group);
  }

  /** @param message - of the primary, or of the program */
  #onMessage(message: PrimaryMessage | null): void {
    if (typeof message !== 'object' || message === null || !(messageKey in message)) return;
    if (message[messageKey] === 'event') this.#listeners.get(message.group)?.(message.event, message.payload);
    else {
      const pending = this.#pending.get(message.sequence);
      this.#pending.delete(message.sequence);
      if (message.error === undefined) pending?.resolve(message.result);
      else
        pending?.reject(decodeError(500, message.error, 'The request to the primary of this cluster worker'));
    }
  }
}
