/** What calling needs of the service it calls: the ports between an attempt and everything that decides for it. */
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Clock } from '../core/clock.js';
import type { EventSink } from '../core/events.js';
import type { Health } from '../core/health.js';
import { ClerkError } from '../core/errors.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { RetryBudget } from './retry-budget.js';
import type { HedgingPolicy } from './hedging-policy.js';
import type { AttemptTimeouts } from './attempt-timeout.js';
import type { TimerWheel } from './timer-wheel.js';

/** What one call asks of a choice. */
export interface PickConstraints {
  /** The call's affinity key. */
  readonly affinity: string | undefined;
  /** Only endpoints with TLS will do. */
  readonly tlsOnly: boolean;
  /** Only endpoints that remember calls there: the call may have run in that memory. Default: any. @see promises C3.6 */
  readonly idempotencyScope?: string;
}

/** One service as one binding calls it. */
export interface CallContext {
  /** The service's name. */
  readonly name: string;
  /** How long calls may take by the service's own record, in ms; undefined while that says nothing, or is not known. */
  readonly serviceTimeoutMs: number | undefined;
  /** How outcomes call the policy. */
  readonly policyName: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly health: Health;
  readonly budget: RetryBudget;
  readonly timeouts: AttemptTimeouts;
  readonly reporter: EventSink;
  readonly retry: RetryLoop;
  /** Whether, and when, a second endpoint is asked beside the first; undefined: never. */
  readonly hedging: HedgingPolicy | undefined;
  /** Connections per endpoint: with more calls than that in flight, the next one waits its turn. */
  readonly connections: number;
  /** Most calls that may wait to be sent. */
  readonly maxPending: number;
  /** Calls that wait to be sent; the calls count themselves. */
  pendingCalls: number;

  /** Chooses by what is known, at once; undefined when a look-up, a start or a wait must come first. */
  pickCached(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /** The same right after `prepare`: what was learned just now is used, also if it was true for that moment only. */
  pick(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Does what must come first: looks up, starts, waits for a pause to end. Resolves when choosing makes sense again;
   * rejects with a `ClerkError` when it never will.
   *
   * @param onServiceConfig - called when the service's record is known, before anything is started or waited for
   */
  prepare(constraints: PickConstraints, onServiceConfig: () => void): Promise<void>;
  /** Chooses among those not yet tried, the open ones first. */
  pickAlternative(
    now: number,
    constraints: PickConstraints,
    tried: ReadonlySet<string>,
  ): ConnectedCandidate | undefined;
  /** Whether `chooseOther` would find one that is not set aside: worth giving up an attempt for. */
  hasAlternative(constraints: PickConstraints, tried: ReadonlySet<string>): boolean;
  /** Whether what is known may be used at once. */
  isFresh(now: number): boolean;
  /** Looks up again, given who failed; resolves when the answer is in, also when it taught nothing. */
  refreshResolution(suspects: ReadonlySet<string>): Promise<void>;
  /** Whether there is a factory to ask when nobody can be reached. */
  readonly canStart: boolean;
  /**
   * Has the service started because nobody could be reached; resolves when there is somebody new, rejects if not.
   *
   * @param attemptedAt - when the attempt that found nobody began
   */
  startService(attemptedAt: number): Promise<void>;
  /** A call began. Throws a `ClerkError` `CLERK_CLOSED` when none may. */
  startCall(): void;
  /** A call that began is over. */
  finishCall(): void;
}

/** Whether an attempt that was not sent waits for a free connection, rather than for one to be made. */
export function isQueued(candidate: ConnectedCandidate, { connections }: CallContext): boolean {
  return candidate.pending > connections;
}

/** The error of a call that finds as many waiting as may wait. */
export function tooManyPendingError(context: CallContext): ClerkError {
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `${String(context.pendingCalls)} calls of ${context.name} wait to be sent, as many as maxPending allows; send fewer at a time or raise it`,
  );
}
