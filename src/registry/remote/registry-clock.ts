/**
 * Converts times of the registry's monotonic clock to the clock of the clerk. A converted time is not later than the
 * true time, so a late event does not extend a guarantee. Exception: if the clock of the registry runs faster, a
 * converted time is late by at most the shortest delay of an event.
 *
 * @see [C1.2](../../../docs/guarantees.md#c1-2), [C1.3](../../../docs/guarantees.md#c1-3)
 */
export class RegistryClock {
  /** Clock of the clerk minus clock of the registry. */
  #offsetMs: number | undefined;

  /**
   * @param requestedAt - when the clerk requested the stream, on the clock of the clerk
   * @param statedAt - time of the event `open`, on the clock of the registry
   */
  opened(requestedAt: number, statedAt: number): void {
    this.#offsetMs = requestedAt - statedAt;
  }

  /** Returns the time of an event on the clock of the clerk. Returns `receivedAt` when the event states no time. */
  toLocal(statedAt: unknown, receivedAt: number): number {
    if (typeof statedAt !== 'number' || !Number.isFinite(statedAt) || this.#offsetMs === undefined)
      return receivedAt;
    // If the clock of the registry runs faster, the offset shrinks with each event.
    this.#offsetMs = Math.min(this.#offsetMs, receivedAt - statedAt);
    return this.#offsetMs + statedAt;
  }
}
