import type { Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import type { TransportOptions } from '../core/transport.js';
import { createDial, type Dial } from './connector.js';
import { expectedInstance } from './needs-instance-check.js';
import { checkedDial } from './instance-check.js';
import { pinnedDial } from './pinned-tls.js';
import { SessionCache } from './session-cache.js';

export interface DialTarget {
  readonly endpoint: Endpoint;
  readonly address: Address;
  /** Value of the `Host` header. */
  readonly authority: string;
}

/** The default of undici. */
const connectTimeoutMs = 10_000;

/**
 * Opens connections to endpoints. An endpoint with keys must prove one of its keys. Any other endpoint that can name
 * its instance must name the expected instance.
 */
export class EndpointDialer {
  readonly #options: TransportOptions;
  readonly #clock: Clock;
  readonly #sessions = new SessionCache();

  constructor(options: TransportOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /**
   * Returns a text that identifies the checks of a connection to the target. A connection with another text must not be
   * used for the target.
   */
  proofOf({ endpoint, address, authority }: DialTarget): string {
    if (endpoint.keys.length > 0) return endpoint.keys.join(' ');
    return expectedInstance(endpoint, address, authority, this.#options) === undefined ? '' : 'checked';
  }

  /** @param timeoutMs - connect timeout. Default: the `connectTimeout` of the program. */
  dial({ endpoint, address, authority }: DialTarget, timeoutMs?: number): Dial {
    if (endpoint.keys.length > 0) return this.#pinnedDial(endpoint, address, timeoutMs);
    const dial = createDial(address, this.#options, timeoutMs);
    const expected = expectedInstance(endpoint, address, authority, this.#options);
    return expected === undefined ? dial : checkedDial(dial, expected);
  }

  #pinnedDial({ keys: pins }: Endpoint, address: Address, timeoutMs: number | undefined): Dial {
    const { credentials, pinOf, undici, addressPolicy } = this.#options;
    if (pinOf === undefined || address.protocol !== 'https')
      return (_requested, callback) => {
        queueMicrotask(() => callback(unprovableError(address), null));
        return undefined;
      };
    const dial = pinnedDial({
      address,
      addressPolicy,
      pins: () => pins,
      credentials: () => credentials?.last,
      sessions: this.#sessions,
      keys: { pinOf },
      clock: this.#clock,
      allowH2: undici.allowH2 === true,
      timeoutMs: timeoutMs ?? (undici.connectTimeout as number | undefined) ?? connectTimeoutMs,
    });
    if (credentials === undefined) return dial;
    return (requested, callback) => {
      const current = credentials.current();
      if (credentials.last === undefined) {
        current.then(
          () => dial(requested, callback),
          (error: unknown) => callback(error as Error, null),
        );
        return undefined;
      }
      // This dial uses the last known credentials. If the program has replaced its credentials, the next dial uses the
      // new ones.
      current.catch(() => undefined);
      return dial(requested, callback);
    };
  }
}

function unprovableError({ text, protocol }: Address): ClerkError {
  return new ClerkError(
    'ENDPOINT_UNPROVEN',
    protocol === 'https'
      ? `The transport cannot check the key of ${text}; set pinOf of TransportOptions`
      : `The endpoint cannot prove its key at ${text}, which does not use TLS; advertise an https: address`,
  );
}
