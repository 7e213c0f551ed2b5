import type { ConnectedCandidate } from '../core/candidate.js';
import type { Clock } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { Health } from '../core/health.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { AttemptTimeouts } from './attempt-timeout.js';
import type { HedgingPolicy } from './hedging-policy.js';
import type { RetryBudget } from './retry-budget.js';
import type { TimerWheel } from './timer-wheel.js';

/** What one call requires of the endpoint that is picked. */
export interface PickConstraints {
  /** The affinity key of the call. */
  readonly affinity: string | undefined;
  /** Whether only endpoints with a TLS address may be picked. */
  readonly tlsOnly: boolean;
  /**
   * Scope of the idempotency store at which the call may have run. Only endpoints that share this store may be picked.
   * When undefined, all endpoints may be picked.
   *
   * @see [C3.6](../../docs/guarantees.md#c3-6)
   */
  readonly idempotencyScope?: string;
}

/** One binding's view of one service: everything that a call of the service needs. */
export interface CallContext {
  /** Name of the service. */
  readonly name: string;
  /** Call timeout from the service config, in ms; undefined when the config sets no timeout or is not known yet. */
  readonly serviceTimeoutMs: number | undefined;
  /** Name of the load-balancing policy, used as the pick reason in outcomes. */
  readonly policyName: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly health: Health;
  readonly budget: RetryBudget;
  readonly timeouts: AttemptTimeouts;
  readonly reporter: EventSink;
  readonly retry: RetryLoop;
  /** The hedging policy; undefined when calls are not hedged. */
  readonly hedging: HedgingPolicy | undefined;
  /** Maximum number of connections to one endpoint. Further calls to the endpoint wait in a queue. */
  readonly connections: number;
  /** Maximum of {@link CallContext.pendingCalls}. */
  readonly maxPending: number;
  /** Number of calls that wait to be sent. Each call adds and subtracts itself. */
  pendingCalls: number;

  /** Picks an endpoint from the cached resolution. Returns undefined when `prepare` must run first. */
  pickCached(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Picks an endpoint right after `prepare`, even from a resolution that has expired since. Returns undefined when
   * `prepare` must run again.
   */
  pick(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Makes a pick possible: looks the service up, starts the service, or waits for the end of a connection backoff.
   *
   * @param onServiceConfig - called when the service config is known, before any start or wait
   * @throws {@link ClerkError} when no endpoint can be made available
   */
  prepare(constraints: PickConstraints, onServiceConfig: () => void): Promise<void>;
  /** Picks an endpoint that is not in `tried`. Open endpoints are preferred to ejected endpoints. */
  pickAlternative(
    now: number,
    constraints: PickConstraints,
    tried: ReadonlySet<string>,
  ): ConnectedCandidate | undefined;
  /** Whether an open endpoint outside `tried` exists, for which an attempt may be abandoned. */
  hasAlternative(constraints: PickConstraints, tried: ReadonlySet<string>): boolean;
  /** Whether the cached resolution has not expired. */
  isFresh(now: number): boolean;
  /**
   * Looks the service up again and passes `suspects`, the ids of endpoints that failed, to the registry. Also resolves
   * when the lookup fails.
   */
  refreshResolution(suspects: ReadonlySet<string>): Promise<void>;
  /** Whether a factory can start the service when no endpoint is reachable. */
  readonly canStart: boolean;
  /**
   * Starts the service because no endpoint was reachable. Resolves when the service has a new endpoint, and rejects
   * when the start fails.
   *
   * @param attemptedAt - start of the attempt that failed to connect
   */
  startService(attemptedAt: number): Promise<void>;
  /**
   * Counts a call as started.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed
   */
  startCall(): void;
  /** Counts a started call as finished. */
  finishCall(): void;
}

/**
 * Whether an attempt that was not sent yet waits for a free connection. Otherwise the attempt waits until a new
 * connection is established.
 */
export function isQueued(candidate: ConnectedCandidate, { connections }: CallContext): boolean {
  return candidate.pending > connections;
}

/** Creates the error of a call that exceeds `maxPending`. */
export function tooManyPendingError(context: CallContext): ClerkError {
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `Call to ${context.name} was rejected because ${String(context.pendingCalls)} other calls already wait to be sent, as many as maxPending allows; send fewer calls at a time or raise maxPending`,
  );
}
