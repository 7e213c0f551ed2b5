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
  /** Affinity key of the call. Calls with the same key prefer the same endpoint. */
  readonly affinity: string | undefined;
  /** Whether only endpoints with a TLS address may be picked. */
  readonly tlsOnly: boolean;
  /**
   * Scope of the idempotency store of the endpoint that may have executed the call in an earlier attempt. Only
   * endpoints with this scope may be picked, since only their store detects the repeat. If undefined, all endpoints may
   * be picked.
   *
   * @see [C3.6](../../docs/guarantees.md#c3-6)
   */
  readonly idempotencyScope?: string;
}

/** Everything that a call to a service needs from its binding: settings, shared state, and the choice of endpoints. */
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
  /**
   * Maximum number of connections to one endpoint. When all connections are busy, further calls to the endpoint wait in
   * a queue.
   */
  readonly connections: number;
  /** Maximum of {@link CallContext.pendingCalls}. A call that would exceed this number is rejected. */
  readonly maxPending: number;
  /**
   * Number of calls that were started but not sent yet. Each call increments this number when the call starts to wait,
   * and decrements this number afterwards.
   */
  pendingCalls: number;

  /** Picks an endpoint from the cached resolution. Returns undefined if `prepare` must be called first. */
  pickCached(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Picks an endpoint; called right after `prepare`. A resolution that has expired since `prepare` is still used.
   * Returns undefined if `prepare` must be called again.
   */
  pick(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Prepares for `pick`. As needed, looks the service up, starts the service, or waits for the end of a connection
   * backoff.
   *
   * @param onServiceConfig - called when the service config is known, before the service is started and before any wait
   * for a backoff
   * @throws {@link ClerkError} when no endpoint can be made available
   */
  prepare(constraints: PickConstraints, onServiceConfig: () => void): Promise<void>;
  /**
   * Picks an endpoint whose id is not in `tried`. Open endpoints are preferred to ejected endpoints. Returns undefined
   * if there is no such endpoint.
   */
  pickAlternative(
    now: number,
    constraints: PickConstraints,
    tried: ReadonlySet<string>,
  ): ConnectedCandidate | undefined;
  /**
   * Whether there is an open endpoint whose id is not in `tried`. Only then may an attempt be abandoned in favour of
   * another endpoint.
   */
  hasAlternative(constraints: PickConstraints, tried: ReadonlySet<string>): boolean;
  /** Whether the cached resolution has not expired. */
  isFresh(now: number): boolean;
  /**
   * Looks the service up again and passes `suspects`, the ids of endpoints that failed, to the registry. Never rejects:
   * a failed lookup leaves the cached resolution in use.
   */
  refreshResolution(suspects: ReadonlySet<string>): Promise<void>;
  /** Whether a factory can start the service when no endpoint is reachable. */
  readonly canStart: boolean;
  /**
   * Starts the service. Called when no endpoint was reachable. Resolves when the service has a new endpoint; rejects
   * when the start fails.
   *
   * @param attemptedAt - when the attempt started that could not connect to an endpoint
   */
  startService(attemptedAt: number): Promise<void>;
  /**
   * Counts a call as started. `finishCall` must follow.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed
   */
  startCall(): void;
  /** Counts a started call as finished. */
  finishCall(): void;
}

/**
 * Whether an unsent attempt at `candidate` is queued because all connections are in use. If false, the attempt waits
 * for a new connection to be established.
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
