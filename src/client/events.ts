import { AsyncResource } from 'node:async_hooks';
import { channel, type Channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'eventemitter3';
import { callListener } from '../core/call-listener.js';
import { errorMessage } from '../core/errors.js';
import type { ClerkEvent, ClerkEventMap, EventSink } from '../core/events.js';
import type { Logger } from '../core/logger.js';

const eventNames: readonly ClerkEvent[] = [
  'resolved',
  'stale',
  'picked',
  'attempt',
  'failover',
  'ejected',
  'revived',
  'started',
  'suspect',
];

/** All other events are emitted in the context in which the clerk was created. */
const callEvents: ReadonlySet<ClerkEvent> = new Set(['resolved', 'picked', 'attempt', 'failover', 'started']);

/** A listener for one event. Receives the payload of the event. */
export type ClerkListener<E extends ClerkEvent> = (payload: ClerkEventMap[E]) => void;

type AnyListener = (payload: unknown) => void;

export class ClerkEvents implements EventSink {
  readonly #emitter = new EventEmitter<{ [E in ClerkEvent]: [ClerkEventMap[E]] }>();
  readonly #listenedEvents = new Set<ClerkEvent>();
  #hasListeners = false;
  readonly #channels: Readonly<Record<ClerkEvent, Channel>>;
  readonly #guardedListeners = new WeakMap<AnyListener, AnyListener>();
  readonly #logger: Logger;
  readonly #clerkContext = new AsyncResource('CLERK_EVENTS');

  constructor(logger: Logger) {
    this.#logger = logger;
    this.#channels = Object.fromEntries(
      eventNames.map((name) => [name, channel(`binding-clerk:${name}`)]),
    ) as Record<ClerkEvent, Channel>;
  }

  static readonly names: readonly ClerkEvent[] = eventNames;

  static has(event: string): event is ClerkEvent {
    return (eventNames as readonly string[]).includes(event);
  }

  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>, once: boolean): void {
    const guarded = this.#guard(listener as AnyListener);
    if (once) (this.#emitter as unknown as EventEmitter).once(event, guarded);
    else (this.#emitter as unknown as EventEmitter).on(event, guarded);
    this.#listenedEvents.add(event);
    this.#hasListeners = true;
  }

  off<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): void {
    const guarded = this.#guardedListeners.get(listener as AnyListener);
    if (guarded) (this.#emitter as unknown as EventEmitter).off(event, guarded);
    this.#updateListenedEvents(event);
  }

  hasListeners(event: ClerkEvent): boolean {
    return (this.#hasListeners && this.#listenedEvents.has(event)) || this.#channels[event].hasSubscribers;
  }

  emit<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void {
    if (callEvents.has(event)) this.#emit(event, payload);
    else this.#clerkContext.runInAsyncScope(() => this.#emit(event, payload));
  }

  #emit<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void {
    const diagnostics = this.#channels[event];
    if (diagnostics.hasSubscribers) diagnostics.publish(payload);
    if (!this.#listenedEvents.has(event)) return;
    (this.#emitter as unknown as EventEmitter).emit(event, payload);
    this.#updateListenedEvents(event);
  }

  /** eventemitter3 would throw the error of a listener to the clerk, and skip the remaining listeners. */
  #guard(listener: AnyListener): AnyListener {
    let guarded = this.#guardedListeners.get(listener);
    if (guarded === undefined) {
      guarded = (payload) =>
        callListener(listener, payload, (error) =>
          this.#logger.error(
            `A listener for an event of the clerk threw an error: ${errorMessage(error)}; the error is ignored`,
          ),
        );
      this.#guardedListeners.set(listener, guarded);
    }
    return guarded;
  }

  #updateListenedEvents(event: ClerkEvent): void {
    if (this.#emitter.listenerCount(event) === 0) this.#listenedEvents.delete(event);
    this.#hasListeners = this.#listenedEvents.size > 0;
  }
}
