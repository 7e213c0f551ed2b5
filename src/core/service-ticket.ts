/** A ticket as the registry sent it. */
export interface ReceivedTicket {
  /** Value of the header `clerk-ticket`. */
  readonly text: string;
  /** Canonical name of the service. */
  readonly service: string;
  /** Counts from the request. */
  readonly expiresInMs: number;
}

/** A ticket for one service. Immutable. */
export interface ServiceTicket {
  /** Value of the header `clerk-ticket`. */
  readonly text: string;
  /** On the monotonic clock. */
  readonly expiresAt: number;
}

export interface TicketSource {
  /**
   * Returns undefined when there is no valid ticket. A ticket near its end is renewed in the background.
   * @param service - canonical name
   */
  cached(service: string): ServiceTicket | undefined;
  /**
   * Concurrent callers share one request to the registry.
   * @param service - canonical name
   * @throws {@link ClerkError} `NAME_NOT_FOUND` or `FORBIDDEN` when the registry refuses the ticket;
   * `REGISTRY_UNREACHABLE` when the registry does not respond and no valid ticket is left
   */
  get(service: string): Promise<ServiceTicket>;
  /**
   * Called after the service refused a ticket. A ticket is replaced three times without a wait, then at most once in a
   * second, and more rarely while the service refuses every ticket. Returns false when the refused ticket stays in use.
   * @param service - canonical name
   * @param refused - undefined when the request had no ticket
   */
  discard(service: string, refused: string | undefined): boolean;
}
