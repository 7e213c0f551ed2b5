import type { LoadInit } from '../core/load-report.js';
/** Events of an advertisement, each with one payload. */
export interface AdvertisementEvents {
  /** The registry has accepted the registration. The state may be `starting` or `registered`. */
  readonly registered: Pick<Advertisement, 'name' | 'id' | 'epoch'> & {
    /** Whether the service has lost a lease before. */
    readonly recovered: boolean;
  };
  /**
   * The lease may have expired. The service registers again. Until the event `registered`, the program must stop work
   * that only the holder of the lease may do.
   */
  readonly lost: Pick<Advertisement, 'name' | 'id'> & {
    /** The cause, for an operator. */
    readonly reason: string;
  };
  /**
   * The advertisement has ended early. Causes: the instance has registered again with a higher epoch, another program
   * has withdrawn the registration, or the registry refuses the service.
   */
  readonly fenced: Pick<Advertisement, 'name' | 'id'> & {
    /** The cause, for an operator. */
    readonly reason: string;
  };
  /**
   * The registry has flagged the endpoint as suspect: most reporting clients cannot reach it, or a renewal was late.
   * Clients use a suspect endpoint only as a last resort. While the endpoint is suspect, each renewal claims that the
   * endpoint is healthy. If the registry accepts a claim, it deletes the unreachable reports. The registry then
   * ignores further claims for 10,000 ms. Repeated claims extend this time, up to 300,000 ms.
   */
  readonly suspected: Pick<Advertisement, 'name' | 'id'>;
  /** The registry removed the suspect flag. */
  readonly cleared: Pick<Advertisement, 'name' | 'id'>;
  /**
   * An operator has moved the service to another name. The registration and {@link Advertisement.name} have the new
   * name.
   */
  readonly moved: Pick<Advertisement, 'name' | 'id'> & {
    /** The former name. */
    readonly from: string;
  };
  /** The service has drained: its registration is withdrawn, and no request is in flight or `drainMs` has passed. */
  readonly drained: Pick<Advertisement, 'name' | 'id'>;
}
/**
 * State of an advertisement:
 *
 * - `registering`: the registry has not yet accepted the registration
 * - `starting`: the lease is valid, but no address has accepted a connection yet, so clients do not call the endpoint
 * - `registered`: the lease is valid
 * - `lost`: the lease may have expired; the service registers again
 * - `fenced`: ended early; see the event `fenced`
 * - `draining`: withdrawn, but still serving clients with a cached resolution
 * - `closed`: ended by `drain()` or `close()`
 */
export type AdvertisementState =
  'registering' | 'starting' | 'registered' | 'lost' | 'fenced' | 'draining' | 'closed';

/** An advertised service. Keeps the process alive only during `drain()` and `close()`. */
export interface Advertisement extends AsyncDisposable {
  /** Absolute name of the service. Changes when an operator moves the service; see the event `moved`. */
  readonly name: string;
  /** Instance id. */
  readonly id: string;
  /** Epoch (fencing number) of the registration. @see [C5.6](../../docs/guarantees.md#c5-6) */
  readonly epoch: number;
  /** Addresses of the service, best first. */
  readonly addresses: readonly string[];
  /** Addresses of the registry. A clerk in the same program can use them. */
  readonly registry: readonly string[];
  /** The current state. */
  readonly state: AdvertisementState;
  /** Calls `listener` at each event. Errors of the listener are logged. */
  on<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this;
  /** Removes `listener` from the event. */
  off<E extends keyof AdvertisementEvents>(
    event: E,
    listener: (payload: AdvertisementEvents[E]) => void,
  ): this;
  /**
   * Reports the load of the service, in place of the measured load. The load is sent with lease renewals and in
   * response headers. Each connection gets the load at most once per 250 ms. A report is valid for 180,000 ms.
   * Omitted rates are measured. Has no effect after the end of the advertisement.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when a value is outside its range
   */
  reportLoad(load: LoadInit): void;
  /**
   * Withdraws the service, serves remaining requests, then ends the advertisement. Clients that watch the name are
   * notified at once. Clients with a cached resolution may still send requests. Usually takes 5,000 to 6,000 ms, and
   * at most `drainMs`. The server stays open. Never rejects. Further calls return the same promise.
   */
  drain(): Promise<void>;
  /** Ends the advertisement without waiting for clients. Never rejects. Further calls return the same promise. */
  close(): Promise<void>;
}
