import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import type { EndpointTls } from '../core/endpoint-tls.js';
import { ClerkError } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { Health } from '../core/health.js';
import type { Channel } from '../core/transport.js';
import type { AttemptTimeouts } from './attempt-timeout.js';
import type { HedgingPolicy } from './hedging-policy.js';
import type { RetryOverrides } from '../core/retry-options.js';
import type { RetryConfig } from './retry-settings.js';
import type { TimerWheel } from './timer-wheel.js';

export interface CallContext {
  readonly name: string;
  /** Undefined if the service config is unknown or sets no timeout. */
  readonly serviceTimeoutMs: number | undefined;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly health: Health;
  readonly timeouts: AttemptTimeouts;
  readonly reporter: EventSink;
  /** The registry error because of which a lookup or a start has no result yet; undefined if the registry responds. */
  readonly registryFailure?: ClerkError | undefined;
  retryConfig(overrides: RetryOverrides | undefined): RetryConfig;
  routeOf(method: string, path: string): string;
  readonly hedging: HedgingPolicy | undefined;
  readonly connections: number;
  readonly maxPending: number;
  pendingCalls: number;
  /** Returns a channel that sends requests through the attempt interceptors. Undefined without interceptors. */
  readonly intercepted: ((channel: Channel) => Channel) | undefined;

  /** Value of the header `clerk-ticket` for an endpoint with keys; undefined if the request carries no ticket. */
  ticketFor(endpoint: Endpoint): string | undefined;
  /**
   * Called when an endpoint has refused a ticket. Returns undefined if no other ticket can be tried now. The returned
   * promise resolves when there is another ticket, and rejects if the registry issues no ticket.
   * @param refused - the refused ticket; undefined when the request had none
   */
  renewTicket(endpoint: Endpoint, refused: string | undefined): Promise<void> | undefined;
  /** Options of `tls.connect` for an endpoint with keys. Undefined if the endpoint has no keys, or no certificate. */
  tlsFor(endpoint: Endpoint): EndpointTls | undefined;

  /**
   * Counts a call as started. The caller must later call `finishCall`.
   * @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed
   */
  startCall(): void;
  finishCall(): void;
}

export function tooManyPendingError(context: CallContext): ClerkError {
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `Call to ${context.name} was rejected because ${context.pendingCalls === 1 ? '1 other call already waits' : `${String(context.pendingCalls)} other calls already wait`} to be sent, as many as maxPending allows; send fewer calls at a time or raise maxPending`,
  );
}
