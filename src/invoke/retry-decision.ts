/** Decides what a call does after an event. A decision is a pure function of the facts of the call. */
import type { CallKind } from '../core/idempotency.js';
import type { Execution } from '../core/errors.js';
import type { Stage } from '../core/outcome.js';
import type { ExecutionHeaders } from './idempotency-headers.js';
import { minAttemptMs } from './call-deadline.js';
import { mustSendOnce, retryability } from './retry-safety.js';
import { maxInFlight, maxMoves, type RetrySettings } from './retry-settings.js';
import { isFailureStatus, isRetryableStatus } from './retryable-status.js';

export interface AttemptFacts {
  readonly number: number;
  readonly stage: Stage;
  readonly isLate: boolean;
  readonly isQueued: boolean;
  readonly isEjected: boolean;
  /** Whether a failure response may be the fault of the endpoint, and not of the call. */
  readonly isDoubted: boolean;
}

export interface CallFacts {
  readonly kind: CallKind;
  readonly isReplayable: boolean;
  readonly retries: RetrySettings | undefined;
  /**
   * Whether the call upgrades the connection. While its request is in flight, no second request is sent, because a
   * second upgraded connection would stay open unused.
   */
  readonly isUpgrade: boolean;
  readonly attemptCount: number;
  /** Attempts that wait for a response or its body, oldest first. */
  readonly inFlight: readonly AttemptFacts[];
  /** Whether an ended attempt may have been executed. Attempts in flight are not considered. */
  readonly execution: Execution;
  /** Whether a retry of a 'once' call would reach the idempotency store that may have recorded the call. */
  readonly hasIdempotencyScope: boolean;
  readonly hasAlternative: boolean;
  readonly hasBudget: boolean;
  readonly leftMs: number;
  /**
   * `final`: a deferred response that no retry would replace. `retryable`: a deferred response that a retry may
   * replace. `error`: the error of an invalid response; any valid response replaces the error.
   */
  readonly deferred: 'none' | 'retryable' | 'final' | 'error';
  readonly isStreaming: boolean;
  readonly readsWholeBody: boolean;
}

/**
 * Why an attempt failed.
 *
 * - `network` the connection, or the function of a custom call, failed
 * - `removed` the request was not sent: its channel was closed, or the retry budget refused a second request
 * - `invalid-response` the response cannot be parsed
 * - `caller` the request is invalid, exceeded a limit that the caller has set, or was aborted by the caller
 */
export type FailureCause = 'network' | 'removed' | 'invalid-response' | 'caller';

export type CallEvent =
  | { readonly type: 'late'; readonly attempt: AttemptFacts }
  | { readonly type: 'hedge-due' }
  | {
      readonly type: 'response';
      readonly attempt: AttemptFacts;
      readonly statusCode: number;
      readonly retryAfterMs: number | undefined;
      readonly execution: ExecutionHeaders;
      /**
       * Whether the endpoint refused the ticket and executed nothing, and the call has not yet been repeated with
       * another ticket.
       */
      readonly canRenewTicket: boolean;
    }
  | { readonly type: 'failure'; readonly attempt: AttemptFacts; readonly cause: FailureCause }
  | { readonly type: 'deadline' };

export type Settlement =
  | 'response'
  | 'deferred'
  | 'error'
  | 'deadline'
  | 'unknown'
  /** `OUTCOME_UNKNOWN`: the connection broke before the caller had the whole response body. */
  | 'truncated';

export type CallAction =
  | { readonly do: 'suspect' }
  /** Waits for the attempts in flight. Checks the late attempt again after `recheckMs` ms, if given. */
  | { readonly do: 'wait'; readonly recheckMs?: number }
  /**
   * Starts one more attempt while the others are in flight. Cancels the attempt with the number `replaces`, if given.
   */
  | { readonly do: 'join'; readonly replaces?: number }
  /**
   * Starts the next attempt, at once or after `afterMs` ms if given. Decided only while no other attempt of the call is
   * in flight.
   */
  | { readonly do: 'send'; readonly afterMs?: number }
  /**
   * Defers the response, which is delivered if no later attempt gets a better response. For an invalid response,
   * defers the error.
   */
  | { readonly do: 'defer' }
  | { readonly do: 'collect' }
  | { readonly do: 'drop' }
  | { readonly do: 'settle'; readonly with: Settlement };

/**
 * The actions are carried out in order.
 * @see [C2.1](../../docs/guarantees.md#c2-1)
 * @see [C9.1](../../docs/guarantees.md#c9-1)
 */
export function decide(call: CallFacts, event: CallEvent): readonly CallAction[] {
  switch (event.type) {
    case 'late':
      return afterTimeout(call, event.attempt);
    case 'hedge-due':
      return [canJoin(call) ? join(call) : wait];
    case 'response':
      if (event.canRenewTicket && canRepeatUnexecuted(call)) return afterRefusedTicket(call, event.attempt);
      return call.kind === 'once'
        ? afterOnceResponse(call, event.statusCode, event.execution, event.retryAfterMs)
        : afterResponse(call, event.attempt, event.statusCode, event.retryAfterMs);
    case 'failure':
      return afterFailure(call, event.attempt, event.cause);
    case 'deadline':
      return [settle(call.deferred === 'none' ? 'deadline' : 'deferred')];
  }
}

/** Interval at which an attempt that is late, queued or still uploading is checked, in ms. */
export const recheckMs = 100;

const wait: CallAction = { do: 'wait' };
const recheck: CallAction = { do: 'wait', recheckMs };
const collect: CallAction = { do: 'collect' };
const settle = (end: Settlement): CallAction => ({ do: 'settle', with: end });

function afterTimeout(call: CallFacts, attempt: AttemptFacts): readonly CallAction[] {
  if (isDeferredBest(call)) return [settle('deferred')];
  // While another attempt in flight is not late, the call waits for the response of that attempt.
  const isNeeded = call.inFlight.every(({ number, isLate }) => isLate || number === attempt.number);
  const joinIfNeeded = isNeeded && canJoin(call) ? [join(call), recheck] : [recheck];
  if (attempt.isQueued) return joinIfNeeded;
  if (attempt.stage === 'waiting' || !mustSendOnce(call)) return [{ do: 'suspect' }, ...joinIfNeeded];
  return [{ do: 'suspect' }, wait];
}

function afterResponse(
  call: CallFacts,
  attempt: AttemptFacts,
  statusCode: number,
  retryAfterMs: number | undefined,
): readonly CallAction[] {
  const isRetryable = isRetryableStatus(statusCode, call.retries?.statuses, attempt.isDoubted);
  const others = call.inFlight.filter(({ number }) => number !== attempt.number);
  // The body of a successful response may still be truncated, so the other attempts continue.
  if (statusCode < 400) return [call.readsWholeBody && others.length > 0 ? collect : settle('response')];
  // An error response must not end the call while an earlier attempt may succeed, or while the body of a successful
  // response arrives.
  const mustWait = hasEarlier(others, attempt) || (isFailureStatus(statusCode) && isCollecting(others));
  if (!isRetryable && !mustWait) return [settle('response')];
  if (others.length > 0) return [{ do: 'defer' }, continueWith(call, others)];
  if (call.deferred === 'final') return [settle('deferred')];
  if (canRetry(call)) {
    if (statusCode !== 429 && call.hasAlternative) return [{ do: 'defer' }, { do: 'send' }];
    const mayWait = statusCode === 429 || statusCode === 503;
    if (mayWait && retryAfterMs !== undefined && call.leftMs - retryAfterMs >= minAttemptMs)
      return [{ do: 'defer' }, { do: 'send', afterMs: retryAfterMs }];
  }
  return [settle('response')];
}

/** A retry after a refused ticket does not use the retry budget, because tickets are rarely refused. */
function afterRefusedTicket(call: CallFacts, attempt: AttemptFacts): readonly CallAction[] {
  const others = call.inFlight.filter(({ number }) => number !== attempt.number);
  return [{ do: 'defer' }, others.length > 0 ? continueWith(call, others) : { do: 'send' }];
}

function canRepeatUnexecuted(call: CallFacts): boolean {
  return (
    call.isReplayable &&
    call.retries !== undefined &&
    hasTime(call) &&
    (call.kind !== 'once' || call.execution === 'none')
  );
}

/** Whether the endpoint refused the caller. Another endpoint would refuse the caller too, so a retry is useless. */
function isUnauthorized(statusCode: number): boolean {
  return statusCode === 401 || statusCode === 403;
}

/**
 * A service that rejects a retry may still have executed an earlier attempt. The caller receives the rejection only
 * if no earlier attempt may have been executed.
 * @see [C3.2](../../docs/guarantees.md#c3-2)
 * @see [C3.5](../../docs/guarantees.md#c3-5)
 * @see [C3.6](../../docs/guarantees.md#c3-6)
 */
function afterOnceResponse(
  call: CallFacts,
  statusCode: number,
  { isNotExecuted, status }: ExecutionHeaders,
  retryAfterMs: number | undefined,
): readonly CallAction[] {
  const canSendAgain = call.isReplayable && canRetry(call);
  if (call.execution === 'none')
    return isNotExecuted && canSendAgain && !isUnauthorized(statusCode)
      ? [{ do: 'defer' }, { do: 'send' }]
      : [settle('response')];
  if (!isNotExecuted && (status === undefined || status === 'replayed')) return [settle('response')];
  const afterMs = retryAfterMs ?? runningPollMs;
  const canPoll =
    status === 'running' && call.hasIdempotencyScope && canSendAgain && call.leftMs - afterMs >= minAttemptMs;
  return [{ do: 'drop' }, canPoll ? { do: 'send', afterMs } : settle('unknown')];
}

/** Default delay before the retry of a call that the service reports as still running, in ms. */
const runningPollMs = 1_000;

function afterFailure(call: CallFacts, attempt: AttemptFacts, cause: FailureCause): readonly CallAction[] {
  const others = call.inFlight.filter(({ number }) => number !== attempt.number);
  // A limit of the caller, such as `bodyTimeout`, ends one attempt. Another attempt may stay within the limit.
  const mayContinue = isCollecting(others) || (attempt.stage === 'answered' && others.length > 0);
  if (cause === 'caller' && !mayContinue) return [settle('error')];
  if (cause === 'invalid-response') {
    if (hasEarlier(others, attempt) || isCollecting(others))
      return [{ do: 'defer' }, continueWith(call, others)];
    return [settle(call.deferred === 'none' ? 'error' : 'deferred')];
  }
  if (others.length > 0) return [continueWith(call, others)];
  if (call.isStreaming) return [settle('truncated')];
  if (call.deferred === 'final' || call.deferred === 'error') return [settle('deferred')];
  const { kind, isReplayable, hasIdempotencyScope } = call;
  const retry = retryability(kind, attempt.stage, isReplayable, hasIdempotencyScope);
  return [retry === 'never' ? settle('unknown') : { do: 'send' }];
}

/**
 * True if no retry would replace the deferred result, and all attempts in flight are at ejected endpoints. An ejected
 * endpoint is not expected to respond.
 */
function isDeferredBest({ deferred, inFlight }: CallFacts): boolean {
  return (deferred === 'final' || deferred === 'error') && inFlight.every(({ isEjected }) => isEjected);
}

function hasEarlier(others: readonly AttemptFacts[], attempt: AttemptFacts): boolean {
  return others.some(({ number, isEjected }) => number < attempt.number && !isEjected);
}

function isCollecting(inFlight: readonly AttemptFacts[]): boolean {
  return inFlight.some(({ stage }) => stage === 'answered');
}

function continueWith(call: CallFacts, others: readonly AttemptFacts[]): CallAction {
  const rest = { ...call, inFlight: others };
  return others.every(({ isLate }) => isLate) && canJoin(rest) ? join(rest) : wait;
}

/** A fourth attempt replaces a late attempt. The oldest attempt is never replaced. */
function join({ inFlight }: CallFacts): CallAction {
  return inFlight.length < maxInFlight
    ? { do: 'join' }
    : { do: 'join', replaces: replaceable(inFlight)?.number ?? 0 };
}

function replaceable(inFlight: readonly AttemptFacts[]): AttemptFacts | undefined {
  return inFlight.find(({ isLate }, index) => index > 0 && isLate);
}

function canJoin(call: CallFacts): boolean {
  const { inFlight, hasAlternative, hasBudget } = call;
  const isUnsent = inFlight.every(({ stage }) => stage === 'waiting');
  return (
    (isUnsent || !mustSendOnce(call)) &&
    !isCollecting(inFlight) &&
    hasTime(call) &&
    !hasUsedAttempts(call) &&
    hasAlternative &&
    (hasBudget || isUnsent) &&
    (inFlight.length < maxInFlight || replaceable(inFlight) !== undefined)
  );
}

function canRetry(call: CallFacts): boolean {
  return (
    call.isReplayable &&
    call.retries !== undefined &&
    !hasUsedAttempts(call) &&
    hasTime(call) &&
    call.hasBudget
  );
}

function hasTime({ leftMs }: CallFacts): boolean {
  return leftMs >= minAttemptMs;
}

function hasUsedAttempts({ retries, attemptCount }: CallFacts): boolean {
  return attemptCount > (retries?.max ?? maxMoves);
}
