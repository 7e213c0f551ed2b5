import type { KeyPin } from './key-pin.js';

export interface InstanceKeys {
  readonly epoch: number;
  /** The key of the instance, and its former key during a rotation; at least one. */
  readonly pins: readonly KeyPin[];
  /** The certificate of the key, in PEM; undefined when unknown. Lets `tls.connect` check the key by itself. */
  readonly cert: string | undefined;
}

export interface ServiceTicket {
  /** Value of the header `clerk-ticket`. */
  readonly text: string;
  readonly service: string;
  readonly expiresAt: number;
  /** The instances of the service at the time of the ticket, by instance id. */
  readonly instances: ReadonlyMap<string, InstanceKeys>;
}

export interface TicketSource {
  /** Makes no I/O. Returns undefined when there is no valid ticket. */
  cached(service: string): ServiceTicket | undefined;
  /**
   * Concurrent callers share one request to the registry.
   * @throws {@link ClerkError} `NAME_NOT_FOUND` or `FORBIDDEN` when the registry refuses the ticket;
   * `REGISTRY_UNREACHABLE` when the registry does not respond and no valid ticket is left
   */
  get(service: string, signal: AbortSignal): Promise<ServiceTicket>;
  /** Discards the ticket for a service, so that the next call requests a new one. Called after a refusal. */
  discard(service: string): void;
}
