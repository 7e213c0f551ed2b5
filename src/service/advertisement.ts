/** What a program holds of a service that it advertises. */
import type { LoadInit } from '../core/load-report.js';
import type { AdvertisementEvents } from './advertisement-events.js';

/**
 * - `registering` it was never acknowledged yet
 * - `registered` its lease holds
 * - `lost` its lease may have ended; it is being registered again
 * - `fenced` somebody newer took its place; it will not come back
 * - `draining` it was withdrawn and still serves those who may know of it
 * - `closed` it is over
 */
export type AdvertisementState = 'registering' | 'registered' | 'lost' | 'fenced' | 'draining' | 'closed';

/** A service that is advertised. Made by {@link advertise}. Keeps no process alive, except while it drains or closes. */
export interface Advertisement extends AsyncDisposable {
  /** Absolute name of the service. */
  readonly name: string;
  /** Instance id. */
  readonly id: string;
  /** Fencing number of the registration. @see promises C5.6 */
  readonly epoch: number;
  /** Where it is, best first. */
  readonly addresses: readonly string[];
  /** Addresses of the registry that it is advertised at: where a clerk of the same program looks up others. */
  readonly registry: readonly string[];
  /** What has become of it. */
  readonly state: AdvertisementState;
  /** Calls `listener` at each event of that kind. What it throws is logged. */
  on<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this;
  /** Stops calling `listener`. */
  off<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this;
  /**
   * Says how loaded the service is, in place of what is measured: with answers of its server, where it is told as of
   * every 250 ms, and with the next renewals of its lease. Good until it is said again, and for 3 min at most; then it is measured again, or
   * nothing is said. Rates that are left out are measured. Nothing is said once the advertisement is over.
   *
   * @throws a `ClerkError` `CONFIG_INVALID` for a load that nobody would believe
   */
  reportLoad(load: LoadInit): void;
  /**
   * Stops being chosen: withdraws it, which all who watch hear at once, waits until those who do not have looked again
   * and no request is in flight at its server, and ends it. Takes 5 to 6 s as a rule and at most `drainMs`. Closes no
   * server. Never rejects; may be called again.
   */
  drain(): Promise<void>;
  /** Withdraws it at once, without waiting for anybody. Never rejects; may be called again. */
  close(): Promise<void>;
}
