/**
 * The only door to eventemitter3, and where every event leaves the clerk: to its listeners and to the diagnostics
 * channels `binding-clerk:<event>`. A listener that throws is logged and harms nobody.
 */
import { channel, type Channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'eventemitter3';
import { reasonOf } from './core/errors.js';
import type { ClerkEvent, ClerkEventMap, Reporter } from './core/events.js';
import type { Logger } from './core/logger.js';

const names: readonly ClerkEvent[] = [
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

/** What a listener for an event is called with. */
export type ClerkListener<E extends ClerkEvent> = (payload: ClerkEventMap[E]) => void;

type Untyped = (payload: unknown) => void;

/** The events of one clerk. */
export class Events implements Reporter {
  readonly #emitter = new EventEmitter<{ [E in ClerkEvent]: [ClerkEventMap[E]] }>();
  readonly #listened = new Set<ClerkEvent>();
  /** Whether anybody listens to anything: asked several times a call. */
  #listens = false;
  readonly #channels: Readonly<Record<ClerkEvent, Channel>>;
  readonly #guarded = new WeakMap<Untyped, Untyped>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.#channels = Object.fromEntries(
      names.map((name) => [name, channel(`binding-clerk:${name}`)]),
    ) as Record<ClerkEvent, Channel>;
  }

  /** All events. */
  static readonly names: readonly ClerkEvent[] = names;

  /** Whether an event exists. */
  static has(event: string): event is ClerkEvent {
    return (names as readonly string[]).includes(event);
  }

  on<E extends ClerkEvent>(event: E, listener: ClerkListener<E>, once: boolean): void {
    const guarded = this.#guard(listener as Untyped);
    if (once) (this.#emitter as unknown as EventEmitter).once(event, guarded);
    else (this.#emitter as unknown as EventEmitter).on(event, guarded);
    this.#listened.add(event);
    this.#listens = true;
  }

  off<E extends ClerkEvent>(event: E, listener: ClerkListener<E>): void {
    const guarded = this.#guarded.get(listener as Untyped);
    if (guarded) (this.#emitter as unknown as EventEmitter).off(event, guarded);
    this.#recount(event);
  }

  wants(event: ClerkEvent): boolean {
    return (this.#listens && this.#listened.has(event)) || this.#channels[event].hasSubscribers;
  }

  report<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void {
    const diagnostics = this.#channels[event];
    if (diagnostics.hasSubscribers) diagnostics.publish(payload);
    if (!this.#listened.has(event)) return;
    (this.#emitter as unknown as EventEmitter).emit(event, payload);
    this.#recount(event);
  }

  /** Forgets all listeners. */
  clear(): void {
    this.#emitter.removeAllListeners();
    this.#listened.clear();
    this.#listens = false;
  }

  /** eventemitter3 lets a throw through to the emitter and skips the listeners after it. */
  #guard(listener: Untyped): Untyped {
    let guarded = this.#guarded.get(listener);
    if (guarded === undefined) {
      guarded = (payload) => {
        try {
          listener(payload);
        } catch (error) {
          this.#logger.error(`A listener of the clerk threw: ${reasonOf(error)}`);
        }
      };
      this.#guarded.set(listener, guarded);
    }
    return guarded;
  }

  #recount(event: ClerkEvent): void {
    if (this.#emitter.listenerCount(event) === 0) this.#listened.delete(event);
    this.#listens = this.#listened.size > 0;
  }
}
