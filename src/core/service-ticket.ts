import type { KeyPin } from './key-pin.js';

/** An instance of a service, and the keys by which a client knows it. */
export interface InstanceKeys {
  readonly epoch: number;
  /** The key of the instance, and its former key during a rotation; at least one. */
  readonly pins: readonly KeyPin[];
  /** The certificate of the key, in PEM; undefined when unknown. Lets `tls.connect` check the key by itself. */
  readonly cert: string | undefined;
}

/** A ticket for one service, as the registry sent it. Immutable. */
export interface ServiceTicket {
  /** Value of the header `clerk-ticket`. */
  readonly text: string;
  /** Canonical name of the service. */
  readonly service: string;
  /** When the ticket expires, in ms on the monotonic clock. */
  readonly expiresAt: number;
  /** The instances of the service at the time of the ticket, by instance id. */
  readonly instances: ReadonlyMap<string, InstanceKeys>;
}

/** Port to the tickets of a clerk. */
export interface TicketSource {
  /** Returns the ticket for a service, without I/O; undefined when there is none, or the ticket has expired. */
  cached(service: string): ServiceTicket | undefined;
  /**
   * Resolves to a valid ticket for a service. Concurrent callers share one request to the registry.
   *
   * @param service - canonical name of the service
   * @throws {@link ClerkError} `NAME_NOT_FOUND` or `FORBIDDEN` when the registry refuses the ticket;
   * `REGISTRY_UNREACHABLE` when the registry does not respond and no valid ticket is left
   */
  get(service: string, signal: AbortSignal): Promise<ServiceTicket>;
  /** Discards the ticket for a service, so that the next call requests a new one. Called after a refusal. */
  discard(service: string): void;
}
