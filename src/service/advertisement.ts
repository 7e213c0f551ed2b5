import type { LoadInit } from '../core/load-report.js';
import type { AdvertisementEvents } from './advertisement-events.js';

/**
 * State of an advertisement:
 *
 * - `registering`: the registry has not yet accepted the registration
 * - `registered`: the lease is valid
 * - `lost`: the lease may have expired; the service registers again
 * - `fenced`: the advertisement has ended, because a newer registration of the same instance replaced this one, or
 *   because the registry refuses the service
 * - `draining`: the service is withdrawn, but still serves clients with a cached lookup
 * - `closed`: the advertisement has ended by `drain()` or `close()`
 */
export type AdvertisementState = 'registering' | 'registered' | 'lost' | 'fenced' | 'draining' | 'closed';

/**
 * An advertised service. Created by {@link advertise}. Keeps the process alive only while the service drains or
 * closes.
 */
export interface Advertisement extends AsyncDisposable {
  /** Absolute name of the service. */
  readonly name: string;
  /** Instance id. */
  readonly id: string;
  /**
   * Epoch (fencing number) of the registration.
   *
   * @see [C5.6](../../docs/guarantees.md#c5-6)
   */
  readonly epoch: number;
  /** Addresses of the service, best first. */
  readonly addresses: readonly string[];
  /** Addresses of the registry. A clerk of the same program can look up other services at these addresses. */
  readonly registry: readonly string[];
  /** Current state. */
  readonly state: AdvertisementState;
  /** Calls `listener` at each event of the given kind. Errors that the listener throws are logged. */
  on<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this;
  /** Stops calling `listener` at the event. */
  off<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this;
  /**
   * Reports the load of the service. The reported load replaces the measured load. The load is sent with lease renewals
   * and with responses of the server, on each connection with at most one response per 250 ms. A report is valid until
   * the next report, but no longer than 180,000 ms. Without a valid report, the measured load is sent, if the load is
   * measured. Rates that the report omits are measured. Has no effect once the advertisement has ended.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when a value is outside its range
   */
  reportLoad(load: LoadInit): void;
  /**
   * Withdraws the service, waits until no client uses a cached lookup and no request is in flight, then ends the
   * advertisement. Clients that watch the name are notified of the withdrawal at once. Usually takes 5,000 to 6,000 ms;
   * requests in flight can extend the wait up to `drainMs`. Does not close the server. Never rejects. Further calls
   * return the same promise.
   */
  drain(): Promise<void>;
  /**
   * Withdraws the service without waiting for clients, then ends the advertisement. Never rejects. Further calls return
   * the same promise.
   */
  close(): Promise<void>;
}
