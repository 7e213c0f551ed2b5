/** A reporter that keeps what it is told. */
import type { ClerkEvent, ClerkEventMap, Reporter } from '../../src/core/events.js';

export class Recorder implements Reporter {
  readonly told: { readonly event: ClerkEvent; readonly payload: ClerkEventMap[ClerkEvent] }[] = [];

  wants(): boolean {
    return true;
  }

  report<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void {
    this.told.push({ event, payload });
  }

  /** The payloads of one kind, in order. */
  of<E extends ClerkEvent>(event: E): ClerkEventMap[E][] {
    return this.told.filter((one) => one.event === event).map((one) => one.payload as ClerkEventMap[E]);
  }
}
