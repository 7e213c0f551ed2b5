/**
 * Converts times of the registry's monotonic clock to the clock of the clerk, for one event stream. A converted time
 * is not later than the true time, so a late event does not extend a guarantee. If the clock of the registry runs
 * faster, a converted time is late by at most the shortest delay of an event.
 *
 * @see [C1.2](../../../docs/guarantees.md#c1-2), [C1.3](../../../docs/guarantees.md#c1-3)
 */
export class RegistryClock {
  /** Clock of the clerk minus clock of the registry, in ms. */
  #offsetMs: number | undefined;

  /**
   * @param requestedAt - time at which the clerk requested the stream, in ms on the clock of the clerk
   * @param statedAt - time of the event `open`, in ms on the clock of the registry
   */
  opened(requestedAt: number, statedAt: number): void {
    this.#offsetMs = requestedAt - statedAt;
  }

  /**
   * Returns the time of an event on the clock of the clerk, in ms. Returns `receivedAt` when the registry states no time.
   *
   * @param statedAt - time in the event; may be any value
   */
  toLocal(statedAt: unknown, receivedAt: number): number {
    if (typeof statedAt !== 'number' || !Number.isFinite(statedAt) || this.#offsetMs === undefined)
      return receivedAt;
    // If the clock of the registry runs faster, the offset shrinks with each event.
    this.#offsetMs = Math.min(this.#offsetMs, receivedAt - statedAt);
    return this.#offsetMs + statedAt;
  }
}
