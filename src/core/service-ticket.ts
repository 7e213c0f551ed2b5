/** A ticket as the registry sent it. */
export interface ReceivedTicket {
  /** Value of the header `clerk-ticket`. */
  readonly text: string;
  /** Canonical name of the service. */
  readonly service: string;
  /** Time until the ticket expires, in ms from the request for the ticket. */
  readonly expiresInMs: number;
}

/** A ticket for one service. Immutable. */
export interface ServiceTicket {
  /** Value of the header `clerk-ticket`. */
  readonly text: string;
  /** When the ticket expires, in ms on the monotonic clock. */
  readonly expiresAt: number;
  /** Until this time, the ticket can be used without asking its {@link TicketSource}. On the monotonic clock. */
  readonly freshUntil: number;
}

export interface TicketSource {
  /** Changes when tickets that were handed out before must no longer be used. */
  readonly version: number;
  /**
   * Returns undefined when there is no valid ticket. A ticket that expires soon is renewed in the background.
   * @param service - canonical name
   */
  cached(service: string): ServiceTicket | undefined;
  /**
   * Concurrent callers share one request to the registry.
   * @param service - canonical name
   * @throws {@link ClerkError} `NAME_NOT_FOUND` or `FORBIDDEN` when the registry refuses the ticket;
   * `REGISTRY_UNREACHABLE` when the registry does not respond and the cached ticket has expired
   */
  get(service: string): Promise<ServiceTicket>;
  /**
   * Called after the service refused a ticket. The first three refused tickets are replaced without a delay. Later, a
   * ticket is replaced at most once per second, and less often while the service refuses every ticket. Returns false
   * when the refused ticket stays in use.
   * @param service - canonical name
   * @param refused - undefined when the request had no ticket
   */
  discard(service: string, refused: string | undefined): boolean;
}
