import { EventEmitter } from 'eventemitter3';
import { errorMessage } from './errors.js';
import type { Logger } from './logger.js';

type AnyListener = (payload: unknown) => unknown;

/**
 * Typed events. The error of a listener, or the rejection of an async listener, is logged and ignored. By itself,
 * eventemitter3 would throw the error to the caller of `emit`, and skip the remaining listeners.
 */
export class SafeEmitter<Events> {
  readonly #owner: string;
  readonly #logger: Logger;
  readonly #emitter = new EventEmitter();
  readonly #guardedListeners = new WeakMap<AnyListener, AnyListener>();
  readonly #listenedEvents = new Set<string>();
  /** The event whose listeners are called now. */
  #event = '';

  /** @param owner - the object that emits the events, for log messages, such as `the clerk` */
  constructor(owner: string, logger: Logger) {
    this.#owner = owner;
    this.#logger = logger;
  }

  on<E extends keyof Events & string>(event: E, listener: (payload: Events[E]) => void, once = false): void {
    const guarded = this.#guard(listener as AnyListener);
    if (once) this.#emitter.once(event, guarded);
    else this.#emitter.on(event, guarded);
    this.#listenedEvents.add(event);
  }

  /** Removes all registrations of the listener for the event. */
  off<E extends keyof Events & string>(event: E, listener: (payload: Events[E]) => void): void {
    const guarded = this.#guardedListeners.get(listener as AnyListener);
    if (guarded !== undefined) this.#emitter.off(event, guarded);
    this.#update(event);
  }

  has(event: keyof Events & string): boolean {
    return this.#listenedEvents.size > 0 && this.#listenedEvents.has(event);
  }

  emit<E extends keyof Events & string>(event: E, payload: Events[E]): void {
    if (!this.has(event)) return;
    const outer = this.#event;
    this.#event = event;
    this.#emitter.emit(event, payload);
    this.#event = outer;
    this.#update(event);
  }

  #guard(listener: AnyListener): AnyListener {
    let guarded = this.#guardedListeners.get(listener);
    if (guarded === undefined) {
      guarded = (payload) => {
        const event = this.#event;
        try {
          const result = listener(payload);
          if (result instanceof Promise) result.catch((error: unknown) => this.#onError(event, error));
        } catch (error) {
          this.#onError(event, error);
        }
      };
      this.#guardedListeners.set(listener, guarded);
    }
    return guarded;
  }

  #onError(event: string, error: unknown): void {
    this.#logger.error(
      `A listener for the event '${event}' of ${this.#owner} threw an error: ${errorMessage(error)}; the error is ignored`,
    );
  }

  #update(event: string): void {
    if (this.#emitter.listenerCount(event) === 0) this.#listenedEvents.delete(event);
  }
}
