import { ClerkError, errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';

/** Events of an advertisement, each with one payload. */
export interface AdvertisementEvents {
  /** The registry has registered the service. */
  readonly registered: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
    /** Current epoch (fencing number) of the registration. */
    readonly epoch: number;
    /** Whether the service registered again after a lost lease; false for the first registration. */
    readonly recovered: boolean;
  };
  /**
   * The lease may have expired. The program must stop work that only the holder of the lease may do. The service
   * registers again.
   */
  readonly lost: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
    /** Text for people that states the cause. */
    readonly reason: string;
  };
  /**
   * The advertisement has ended, because a newer registration of the same instance replaced this registration, or
   * because the registry refuses the service.
   */
  readonly fenced: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
    /** Text for people that states the cause. */
    readonly reason: string;
  };
  /**
   * The registry flagged the endpoint as suspect: most reporting clients cannot reach the endpoint, or a renewal was
   * late. Clients use a suspect endpoint only when there is no other endpoint. Each renewal of a suspect endpoint
   * claims that the endpoint is healthy. If the registry accepts the claim, the registry discards the clients' reports.
   * When clients then report the endpoint as unreachable again, the registry accepts the next claim only after a longer
   * interval.
   */
  readonly suspected: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
  };
  /** The registry removed the suspect flag. */
  readonly cleared: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
  };
  /** The service has drained: the registration is withdrawn, and no request is in flight or `drainMs` has passed. */
  readonly drained: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id. */
    readonly id: string;
  };
}

const eventNames: readonly (keyof AdvertisementEvents)[] = [
  'registered',
  'lost',
  'fenced',
  'suspected',
  'cleared',
  'drained',
];

type Listener = (payload: never) => void;

/**
 * Emits the events of one advertisement. An error that a listener throws is logged and affects neither the
 * advertisement nor other listeners.
 */
export class AdvertisementEmitter {
  readonly #logger: Logger;
  readonly #byEvent = new Map<string, Set<Listener>>(eventNames.map((name) => [name, new Set()]));

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @throws {@link ClerkError} `CONFIG_INVALID` when `event` is not the name of an event */
  on(event: keyof AdvertisementEvents, listener: Listener): void {
    this.#of(event).add(listener);
  }

  off(event: keyof AdvertisementEvents, listener: Listener): void {
    this.#of(event).delete(listener);
  }

  emit<E extends keyof AdvertisementEvents>(event: E, payload: AdvertisementEvents[E]): void {
    for (const listener of [...this.#of(event)]) {
      try {
        (listener as (payload: AdvertisementEvents[E]) => void)(payload);
      } catch (error) {
        this.#logger.error(
          `A listener for the event '${event}' of an advertisement threw: ${errorMessage(error)}`,
        );
      }
    }
  }

  #of(event: string): Set<Listener> {
    const listeners = this.#byEvent.get(event);
    if (listeners) return listeners;
    throw new ClerkError(
      'CONFIG_INVALID',
      `The event must be one of ${eventNames.join(', ')}; got '${event}'`,
    );
  }
}
