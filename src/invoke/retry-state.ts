import type { ConnectedCandidate } from '../core/candidate.js';
import { isClerkError } from '../core/errors.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import { idempotencyScopeOf } from './at-most-once.js';
import { AttemptLog, type AttemptLogOptions, type AttemptRecord } from './attempt-log.js';
import type { CallContext, PickConstraints } from './call-context.js';
import {
  budgetError,
  deadlineError,
  exhaustedError,
  nestedRetryError,
  outcomeUnknownError,
  withCallDetails,
} from './call-errors.js';
import { isTooShort } from './call-deadline.js';
import { maxAttempts, minAttemptMs, retryability } from './retry-rules.js';

/** The facts of a call that its retries depend on. */
export interface RetryStateOptions extends AttemptLogOptions {
  readonly constraints: PickConstraints;
  /** Whether the request can be sent twice. */
  readonly isReplayable: boolean;
  /** Whether the call may be retried after its request was sent, provided that the kind of the call allows a retry. */
  readonly allowsRetries: boolean;
}

/**
 * Decides whether and where a call is retried: tracks the endpoints that were tried, their outcomes, and the retry
 * that is reserved in the budget. Used by HTTP calls and custom calls.
 */
export class RetryState extends AttemptLog {
  /** Whether the call has its result or error. No further attempt may start then. */
  settled = false;
  /** Ends the current wait. */
  #cancelWait: (() => void) | undefined;
  /** Delay before the next attempt, in ms, if the last response requested a delay (`Retry-After`). */
  retryDelayMs: number | undefined;
  readonly #tried = new Set<string>();
  #lastStage: Stage = 'waiting';
  #lastStartedAt = 0;
  /**
   * Scope of the idempotency store at which a 'once' call may have run; undefined if the call cannot have run or the
   * endpoint has no store.
   */
  #idempotencyScope: string | undefined;
  #hasRefreshed = false;
  #hasStartedService = false;
  #hasReconsidered = false;
  /** Whether a retry is reserved in the budget for the next attempt. */
  #hasReservedRetry = false;

  constructor(
    context: CallContext,
    override readonly options: RetryStateOptions,
  ) {
    super(context, options);
  }

  /** Ids of the endpoints whose attempts have ended. */
  get tried(): ReadonlySet<string> {
    return this.#tried;
  }

  override record(
    attempt: AttemptRecord,
    verdict: Verdict,
    code: string,
    durationMs: number,
    error?: unknown,
  ): Outcome {
    this.#tried.add(attempt.candidate.endpoint.id);
    this.#lastStage = attempt.stage;
    if (attempt.stage !== 'waiting' && this.options.kind === 'once')
      this.#idempotencyScope = idempotencyScopeOf(attempt.candidate.endpoint);
    this.#lastStartedAt = this.context.clock.now() - durationMs;
    return super.record(attempt, verdict, code, durationMs, error);
  }

  /**
   * Whether an attempt in flight at `stage` may be abandoned for another endpoint. If so, reserves a retry in the
   * budget unless the retry is free.
   */
  canFailOver(stage: Stage, candidate: ConnectedCandidate, now: number): boolean {
    const { kind, isReplayable, deadlineAt, constraints } = this.options;
    const retry = retryability(kind, stage, isReplayable);
    if (retry === 'never' || this.outcomes.length + 1 >= maxAttempts || deadlineAt - now < minAttemptMs)
      return false;
    if (!this.context.hasAlternative(constraints, new Set([...this.#tried, candidate.endpoint.id])))
      return false;
    return this.#reserveRetry(stage !== 'waiting', now);
  }

  /**
   * Whether too little time is left for the first attempt.
   *
   * @see [C2.2](../../docs/guarantees.md#c2-2)
   */
  isTooLate(now: number): boolean {
    const { startedAt, deadlineAt } = this.options;
    return isTooShort(deadlineAt - now, now - startedAt);
  }

  /**
   * When to check again whether a late attempt may be abandoned. By then another endpoint may be available, or the
   * budget may have refilled. The deadline of the call, if the attempt may never be abandoned.
   */
  recheckAt(stage: Stage, now: number): number {
    const { kind, isReplayable, deadlineAt } = this.options;
    return retryability(kind, stage, isReplayable) === 'never'
      ? deadlineAt
      : Math.min(deadlineAt, now + recheckIntervalMs);
  }

  /**
   * Whether the call may be retried after a delay of `waitMs`, as requested by `Retry-After`. If so, reserves the
   * retry.
   */
  canWait(stage: Stage, waitMs: number, now: number): boolean {
    const { kind, isReplayable, deadlineAt } = this.options;
    if (retryability(kind, stage, isReplayable) !== 'budget' || this.outcomes.length + 1 >= maxAttempts)
      return false;
    if (deadlineAt - now - waitMs < minAttemptMs || !this.#reserveRetry(true, now)) return false;
    this.retryDelayMs = waitMs;
    return true;
  }

  /**
   * Whether a call with a `clerk-not-executed` response may be retried. If so, reserves the retry.
   *
   * @see [C3.5](../../docs/guarantees.md#c3-5)
   */
  canRetryUnexecuted(now: number): boolean {
    const { isReplayable, deadlineAt } = this.options;
    if (!isReplayable || this.outcomes.length + 1 >= maxAttempts || deadlineAt - now < minAttemptMs)
      return false;
    return this.#reserveRetry(true, now);
  }

  /**
   * Whether a call that still runs at the endpoint, and whose response was lost, may be sent again after `waitMs`. If
   * so, reserves the retry.
   */
  canPollRunning(waitMs: number, now: number): boolean {
    if (
      this.#idempotencyScope === undefined ||
      !this.canRetryUnexecuted(now) ||
      this.options.deadlineAt - now - waitMs < minAttemptMs
    )
      return false;
    this.retryDelayMs = waitMs;
    return true;
  }

  /**
   * Picks the endpoint for the next attempt after a failure. Before that, waits, refreshes the resolution or starts the
   * service if an endpoint may become available.
   *
   * @throws {@link ClerkError} the error that ends the call, when no further attempt is possible
   */
  async nextCandidate(): Promise<ConnectedCandidate> {
    const { context } = this;
    const { kind, isReplayable, deadlineAt } = this.options;
    const requiredScope = this.#idempotencyScope;
    const retry = retryability(kind, this.#lastStage, isReplayable, requiredScope !== undefined);
    if (retry === 'never' || (kind === 'once' && this.execution !== 'none' && requiredScope === undefined))
      throw outcomeUnknownError(this);
    const constraints =
      requiredScope === undefined
        ? this.options.constraints
        : { ...this.options.constraints, idempotencyScope: requiredScope };
    const { retryDelayMs } = this;
    if (retryDelayMs !== undefined) {
      this.retryDelayMs = undefined;
      this.#tried.clear();
      if (retryDelayMs > 0) await this.#wait(retryDelayMs);
    }
    let mustCheckFreshness = true;
    for (;;) {
      // A retry does not use an expired resolution either. When a refresh fails, the resolution stays in use, flagged
      // stale.
      if (mustCheckFreshness && !context.isFresh(context.clock.now()))
        await context.refreshResolution(new Set(this.#tried));
      mustCheckFreshness = false;
      const now = context.clock.now();
      this.assertActive();
      if (deadlineAt - now < minAttemptMs) throw deadlineError(this);
      if (this.outcomes.length >= maxAttempts) throw exhaustedError(this);
      const candidate = context.pickAlternative(now, constraints, this.#tried);
      if (candidate && context.health.canDial(candidate, now)) {
        if (!this.#reserveRetry(false, now))
          throw this.options.allowsRetries ? budgetError(this) : nestedRetryError(this);
        return candidate;
      }
      if (candidate) {
        // All remaining endpoints are in connection backoff: wait only if the next dial is allowed soon.
        const dialWaitMs = context.health.nextDialAt(candidate) - now;
        if (dialWaitMs > maxDialWaitMs || dialWaitMs > deadlineAt - now) throw exhaustedError(this);
        await this.#wait(Math.max(dialWaitMs, 1));
        mustCheckFreshness = true;
      } else if (!this.#hasRefreshed) {
        this.#hasRefreshed = true;
        await context.refreshResolution(new Set(this.#tried));
      } else if (
        !this.#hasReconsidered &&
        retryability(kind, 'sent', isReplayable, requiredScope !== undefined) === 'budget' &&
        this.#reconsiderTried()
      ) {
        this.#hasReconsidered = true;
      } else if (this.#lastStage === 'waiting' && context.canStart && !this.#hasStartedService) {
        this.#hasStartedService = true;
        await this.#startService();
        this.#tried.clear();
        mustCheckFreshness = true;
      } else {
        throw exhaustedError(this);
      }
    }
  }

  /**
   * Takes the reserved retry over, if there is one. The caller of this method must then call `spent` or `refund` of the
   * budget.
   *
   * @returns whether a retry was reserved
   */
  takeReservedRetry(): boolean {
    const wasReserved = this.#hasReservedRetry;
    this.#hasReservedRetry = false;
    return wasReserved;
  }

  /** @throws {@link ClerkError} when the call was settled meanwhile */
  assertActive(): void {
    if (this.settled) throw outcomeUnknownError(this);
  }

  /** Marks the call as settled, ends the current wait and refunds the reserved retry. */
  finish(): void {
    this.settled = true;
    this.#cancelWait?.();
    if (this.takeReservedRetry()) this.context.budget.refund();
  }

  #wait(ms: number): Promise<void> {
    return this.context.wheel.sleep(ms, (cancel) => (this.#cancelWait = cancel));
  }

  /**
   * Reserves one retry if any attempt may have been executed. Otherwise the retry is free.
   *
   * @param mayHaveRun - whether the attempt in flight may have been executed
   * @returns false when a retry is not allowed
   */
  #reserveRetry(mayHaveRun: boolean, now: number): boolean {
    if (this.#hasReservedRetry || (!mayHaveRun && this.execution === 'none')) return true;
    const { budget, canStart } = this.context;
    // Retries must not use up the budget that starting the service needs.
    const leavesStartReserve = !canStart || budget.available(now) > reservedForStarts;
    this.#hasReservedRetry = this.options.allowsRetries && leavesStartReserve && budget.tryWithdraw(now);
    return this.#hasReservedRetry;
  }

  /**
   * Makes tried endpoints available again when no other endpoint is left: each endpoint that timed out, and the
   * endpoint of the last attempt if the request was sent. That attempt may have failed only because an idle connection
   * broke.
   *
   * @returns whether an endpoint became available again
   */
  #reconsiderTried(): boolean {
    const last = this.outcomes.at(-1);
    const before = this.#tried.size;
    for (const { code, endpoint } of this.outcomes) {
      if (code === 'ATTEMPT_TIMEOUT') this.#tried.delete(endpoint);
    }
    if (last && last.stage !== 'waiting') this.#tried.delete(last.endpoint);
    return this.#tried.size < before;
  }

  /** Starts the service. If the start fails, rejects with the error of the start and the outcomes of this call. */
  async #startService(): Promise<void> {
    try {
      await this.context.startService(this.#lastStartedAt);
    } catch (error) {
      throw isClerkError(error) ? withCallDetails(this, error) : error;
    }
  }
}

/** Number of retries in the budget that are reserved for starts, if the service can be started. */
const reservedForStarts = 1;

/** Interval for checking whether a late attempt may be abandoned, in ms. */
const recheckIntervalMs = 100;

/** Longest wait for an endpoint in connection backoff, in ms. */
export const maxDialWaitMs = 250;
