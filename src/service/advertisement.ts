import type { LoadInit } from '../core/load-report.js';
import type { AdvertisementEvents } from './advertisement-events.js';

/**
 * - `registering` the registry has not yet acknowledged it
 * - `registered` its lease is valid
 * - `lost` its lease may have ended; it registers again
 * - `fenced` a newer registration took its place; it does not return
 * - `draining` it is withdrawn and still serves clients with a cached lookup
 * - `closed` it has ended
 */
export type AdvertisementState = 'registering' | 'registered' | 'lost' | 'fenced' | 'draining' | 'closed';

/**
 * An advertised service. Created by {@link advertise}. Keeps the process alive only while it drains or
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
  /** Addresses of the registry: a clerk of the same program can look up other services there. */
  readonly registry: readonly string[];
  /** Current state. */
  readonly state: AdvertisementState;
  /** Calls `listener` at each event of that kind. Errors that it throws are logged. */
  on<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this;
  /** Removes `listener`. */
  off<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this;
  /**
   * Reports the load of the service in place of the measured one. The load goes out with responses of the
   * server, at most every 250 ms per connection, and with the next lease renewals. A report is valid until
   * the next one, at most 180,000 ms; then the measured load is used, if there is one. Rates that are left
   * out are measured. Has no effect once the advertisement has ended.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when a value is outside its range
   */
  reportLoad(load: LoadInit): void;
  /**
   * Withdraws the service, waits until no client uses a cached lookup and no request is in flight, then ends
   * the advertisement. Clients that watch the name learn of it at once. Takes 5,000 to 6,000 ms as a rule, at
   * most `drainMs`. Closes no server. Never rejects; may be called again.
   */
  drain(): Promise<void>;
  /** Withdraws the service without waiting for clients. Never rejects; may be called again. */
  close(): Promise<void>;
}
