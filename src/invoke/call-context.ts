import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { Health } from '../core/health.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { AttemptTimeouts } from './attempt-timeout.js';
import type { HedgingPolicy } from './hedging-policy.js';
import type { RetryOverrides } from '../core/retry-options.js';
import type { RetryConfig } from './retry-settings.js';
import type { TimerWheel } from './timer-wheel.js';

/**
 * The facts that all calls of a binding share: settings, clock, timers, health and counters. An
 * {@link EndpointPicker} chooses the endpoints.
 */
export interface CallContext {
  /** Name of the service. */
  readonly name: string;
  /** Call timeout from the service config, in ms; undefined when the config sets no timeout or is not known yet. */
  readonly serviceTimeoutMs: number | undefined;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly health: Health;
  readonly timeouts: AttemptTimeouts;
  readonly reporter: EventSink;
  /**
   * Returns the settings of a call. The result may change during the call, since a lookup may return another service
   * config.
   *
   * @param overrides - settings of the request, from {@link CallDeadline.overrides}
   */
  retryConfig(overrides: RetryOverrides | undefined): RetryConfig;
  /**
   * Returns the route class of a request; by default the first path segment. Each route class has an attempt timeout.
   */
  routeOf(method: string, path: string): string;
  readonly retry: RetryLoop;
  /** The hedging policy; undefined when calls are not hedged. */
  readonly hedging: HedgingPolicy | undefined;
  /**
   * Maximum number of connections to one endpoint. When all connections are busy, further calls to the endpoint wait in
   * a queue.
   */
  readonly connections: number;
  /** Maximum of {@link CallContext.pendingCalls}. A call that would exceed this number is rejected. */
  readonly maxPending: number;
  /**
   * Number of calls that were started but not sent yet. A call adds 1 when the call starts to wait, and subtracts 1
   * when the wait ends.
   */
  pendingCalls: number;

  /**
   * Counts a call as started. `finishCall` must follow.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed
   */
  startCall(): void;
  /** Counts a started call as finished. */
  finishCall(): void;
}

/** Creates the error of a call that exceeds `maxPending`. */
export function tooManyPendingError(context: CallContext): ClerkError {
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `Call to ${context.name} was rejected because ${context.pendingCalls === 1 ? '1 other call already waits' : `${String(context.pendingCalls)} other calls already wait`} to be sent, as many as maxPending allows; send fewer calls at a time or raise maxPending`,
  );
}
