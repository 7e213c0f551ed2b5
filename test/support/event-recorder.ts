import type { ClerkEvent, ClerkEventMap, EventSink } from '../../src/core/events.js';

/** An event sink that records all events. */
export class EventRecorder implements EventSink {
  readonly events: { readonly event: ClerkEvent; readonly payload: ClerkEventMap[ClerkEvent] }[] = [];

  hasListeners(): boolean {
    return true;
  }

  emit<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void {
    this.events.push({ event, payload });
  }

  /** The payloads of one event, in order. */
  of<E extends ClerkEvent>(event: E): ClerkEventMap[E][] {
    return this.events.filter((one) => one.event === event).map((one) => one.payload as ClerkEventMap[E]);
  }
}
