import { AsyncResource } from 'node:async_hooks';
import { channel, type Channel } from 'node:diagnostics_channel';
import type { ClerkEvent, ClerkEventMap, EventSink } from '../core/events.js';
import type { Logger } from '../core/logger.js';
import { SafeEmitter } from '../core/safe-emitter.js';

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

/**
 * Events that are emitted in the async context of the call. All other events are emitted in the async context in
 * which the clerk was created.
 */
const callEvents: ReadonlySet<ClerkEvent> = new Set(['resolved', 'picked', 'attempt', 'failover', 'started']);

/** A listener for one event. Receives the payload of the event. */
export type ClerkListener<E extends ClerkEvent> = (payload: ClerkEventMap[E]) => void;

export class ClerkEvents implements EventSink {
  readonly #emitter: SafeEmitter<ClerkEventMap>;
  readonly #channels: Readonly<Record<ClerkEvent, Channel>>;
  readonly #clerkContext = new AsyncResource('CLERK_EVENTS');

  constructor(logger: Logger) {
    this.#emitter = new SafeEmitter('the clerk', logger);
    this.#channels = Object.fromEntries(
      eventNames.map((name) => [name, channel(`binding-clerk:${name}`)]),
    ) as Record<ClerkEvent, Channel>;
  }

  static readonly names: readonly ClerkEvent[] = eventNames;

  static has(event: string): event is ClerkEvent {
    return (eventNames as readonly string[]).includes(event);
  }

  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>, once: boolean): void {
    this.#emitter.on(event, listener, once);
  }

  off<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): void {
    this.#emitter.off(event, listener);
  }

  hasListeners(event: ClerkEvent): boolean {
    return this.#emitter.has(event) || this.#channels[event].hasSubscribers;
  }

  emit<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void {
    if (callEvents.has(event)) this.#emit(event, payload);
    else this.#clerkContext.runInAsyncScope(() => this.#emit(event, payload));
  }

  #emit<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void {
    const diagnostics = this.#channels[event];
    if (diagnostics.hasSubscribers) diagnostics.publish(payload);
    this.#emitter.emit(event, payload);
  }
}
