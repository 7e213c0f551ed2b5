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
  /** Only endpoints with a TLS address. */
  readonly tlsOnly: boolean;
  /**
   * Only endpoints that share this idempotency store, since the call may have run there. Default: any.
   *
   * @see [C3.6](../../docs/guarantees.md#c3-6)
   */
  readonly idempotencyScope?: string;
}

/** Everything a call needs of the service it calls: one binding's view of one service. */
export interface CallContext {
  /** The service's name. */
  readonly name: string;
  /** Timeout from the service config, in ms; undefined when it sets none or is not known yet. */
  readonly serviceTimeoutMs: number | undefined;
  /** Name of the policy, used as the pick reason in outcomes. */
  readonly policyName: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly health: Health;
  readonly budget: RetryBudget;
  readonly timeouts: AttemptTimeouts;
  readonly reporter: EventSink;
  readonly retry: RetryLoop;
  /** Set when calls are hedged. */
  readonly hedging: HedgingPolicy | undefined;
  /** Connections per endpoint. Further calls to the endpoint wait in its queue. */
  readonly connections: number;
  /** Limit of {@link CallContext.pendingCalls}. */
  readonly maxPending: number;
  /** Number of calls waiting to be sent. Each call counts itself. */
  pendingCalls: number;

  /** Picks from the cached resolution; undefined when a lookup, a start or a wait must come first. */
  pickCached(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /** Picks right after `prepare`, also from a resolution that has already expired again. */
  pick(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Does what must come before a pick: looks the service up, starts it, or waits for a backoff to end.
   *
   * @param onServiceConfig - called when the service config is known, before any start or wait
   * @throws {@link ClerkError} when no endpoint will become available
   */
  prepare(constraints: PickConstraints, onServiceConfig: () => void): Promise<void>;
  /** Picks an endpoint that is not in `tried`, open ones first. */
  pickAlternative(
    now: number,
    constraints: PickConstraints,
    tried: ReadonlySet<string>,
  ): ConnectedCandidate | undefined;
  /** Whether there is an open endpoint outside `tried`, worth abandoning an attempt for. */
  hasAlternative(constraints: PickConstraints, tried: ReadonlySet<string>): boolean;
  /** Whether the cached resolution has not expired. */
  isFresh(now: number): boolean;
  /** Looks the service up again, reporting `suspects`. Resolves also when the lookup failed. */
  refreshResolution(suspects: ReadonlySet<string>): Promise<void>;
  /** Whether a factory can start the service when no endpoint is reachable. */
  readonly canStart: boolean;
  /**
   * Starts the service because no endpoint was reachable. Resolves when there is a new endpoint, rejects otherwise.
   *
   * @param attemptedAt - start of the attempt that failed to connect
   */
  startService(attemptedAt: number): Promise<void>;
  /** Counts a call as started. @throws {@link ClerkError} `CLERK_CLOSED` when the clerk is closed */
  startCall(): void;
  /** Counts a started call as finished. */
  finishCall(): void;
}

/** Whether an unsent attempt waits for a free connection rather than for a new connection to be established. */
export function isQueued(candidate: ConnectedCandidate, { connections }: CallContext): boolean {
  return candidate.pending > connections;
}

/** The error of a call that exceeds `maxPending`. */
export function tooManyPendingError(context: CallContext): ClerkError {
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `Call to ${context.name} was rejected: ${String(context.pendingCalls)} calls already wait to be sent, the limit set by maxPending; send fewer calls at a time or raise maxPending`,
  );
}
