import type { LoadInit } from '../core/load-report.js';
/** Events of an advertisement, each with one payload. */
export interface AdvertisementEvents {
  /** The registry has registered the service. */
  readonly registered: Pick<Advertisement, 'name' | 'id' | 'epoch'> & {
    /** Whether the service has lost a lease before. */
    readonly recovered: boolean;
  };
  /**
   * The lease may have expired. The program must stop work that only the holder of the lease may do. The service
   * registers again.
   */
  readonly lost: Pick<Advertisement, 'name' | 'id'> & {
    /** The cause, as text for an operator. */
    readonly reason: string;
  };
  /**
   * The advertisement has ended early. Either the instance has registered later with a higher epoch, or another
   * program has withdrawn the registration, or the registry refuses the service.
   */
  readonly fenced: Pick<Advertisement, 'name' | 'id'> & {
    /** The cause, as text for an operator. */
    readonly reason: string;
  };
  /**
   * The registry flagged the endpoint as suspect: most reporting clients cannot reach the endpoint, or a renewal was
   * late. Clients use a suspect endpoint only as a last resort. Each renewal then claims that the endpoint is
   * healthy. An accepted claim deletes the unreachable reports. After an accepted claim, the registry accepts the
   * next claim after 10,000 ms. For repeated claims, the delay doubles, up to 300,000 ms.
   */
  readonly suspected: Pick<Advertisement, 'name' | 'id'>;
  /** The registry removed the suspect flag. */
  readonly cleared: Pick<Advertisement, 'name' | 'id'>;
  /**
   * The service has drained. The registration was withdrawn, and either no request is in flight or `drainMs` have
   * passed.
   */
  readonly drained: Pick<Advertisement, 'name' | 'id'>;
}
/**
 * State of an advertisement:
 *
 * - `registering`: the registry has not yet accepted the registration
 * - `registered`: the lease is valid
 * - `lost`: the lease may have expired; the service registers again
 * - `fenced`: ended early; see the event `fenced`
 * - `draining`: withdrawn, but still serving clients with a cached lookup
 * - `closed`: ended by `drain()` or `close()`
 */
export type AdvertisementState = 'registering' | 'registered' | 'lost' | 'fenced' | 'draining' | 'closed';

/** An advertised service. Keeps the process alive only while the service drains or closes. */
export interface Advertisement extends AsyncDisposable {
  /** Absolute name of the service. */
  readonly name: string;
  /** Instance id. */
  readonly id: string;
  /** Epoch (fencing number) of the registration. @see [C5.6](../../docs/guarantees.md#c5-6) */
  readonly epoch: number;
  /** Addresses of the service, best first. */
  readonly addresses: readonly string[];
  /** Addresses of the registry. A clerk of the program can use the same registry. */
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
   * Reports the load of the service, which replaces the measured load. Each lease renewal sends the load. Each
   * connection sends the load in at most one response per 250 ms. A report is valid until the next report, but at
   * most for 180,000 ms. Omitted rates are measured. Has no effect after the end of the advertisement.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when a value is outside its range
   */
  reportLoad(load: LoadInit): void;
  /**
   * Withdraws the service, then ends the advertisement. First waits until no client uses a cached lookup and no
   * request is in flight. Clients that watch the name are notified at once. Usually takes 5,000 to 6,000 ms, and at
   * most `drainMs`. The server stays open. Never rejects. Further calls return the same promise.
   */
  drain(): Promise<void>;
  /** Ends the advertisement without waiting for clients. Never rejects. Further calls return the same promise. */
  close(): Promise<void>;
}
