import type { ConnectedCandidate } from '../core/candidate.js';
import { isClerkError } from '../core/errors.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import { idempotencyScopeOf } from './at-most-once.js';
import { AttemptLog, type AttemptLogOptions, type AttemptRecord } from './attempt-log.js';
import type { CallContext } from './call-context.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
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
  /** Whether the request body can be sent twice. */
  readonly isReplayable: boolean;
  /** Whether the call may be retried after its request was sent, provided that the kind of the call allows a retry. */
  readonly allowsRetries: boolean;
}

/**
 * Decides whether a call is retried, and at which endpoint. Tracks the tried endpoints, the outcomes of their attempts,
 * and the retry that is reserved in the retry budget. Used by HTTP calls and custom calls.
 */
export class RetryState extends AttemptLog {
  /** Whether the call has ended with a result or an error. A settled call starts no further attempt. */
  settled = false;
  /** Ends the wait before the next attempt early. */
  #cancelWait: (() => void) | undefined;
  /**
   * Delay before the next attempt, in ms, usually requested by the last response (`Retry-After`); undefined if the next
   * attempt need not wait.
   */
  retryDelayMs: number | undefined;
  readonly #tried = new Set<string>();
  #lastStage: Stage = 'waiting';
  #lastStartedAt = 0;
  /**
   * Scope of the idempotency store of the endpoint that received the last sent attempt of a 'once' call. Undefined if
   * no attempt was sent, if that endpoint has no store, or for calls of other kinds.
   */
  #idempotencyScope: string | undefined;
  #hasRefreshed = false;
  #hasStartedService = false;
  #hasReconsidered = false;
  /** Whether a retry is reserved in the budget for the next attempt. */
  #hasReservedRetry = false;

  constructor(
    context: CallContext,
    readonly picker: EndpointPicker,
    override readonly options: RetryStateOptions,
  ) {
    super(context, options);
  }

  /** Ids of the endpoints that the next attempt must avoid, because an attempt there has ended. */
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
   * Whether an attempt at `candidate` that has reached `stage` may be abandoned for an attempt at another endpoint. If
   * so, reserves a retry in the budget unless the retry is free.
   */
  canFailOver(stage: Stage, candidate: ConnectedCandidate, now: number): boolean {
    const { kind, isReplayable, deadlineAt, constraints } = this.options;
    const retry = retryability(kind, stage, isReplayable);
    if (retry === 'never' || this.outcomes.length + 1 >= maxAttempts || deadlineAt - now < minAttemptMs)
      return false;
    if (!this.picker.hasAlternative(constraints, new Set([...this.#tried, candidate.endpoint.id])))
      return false;
    return this.#reserveRetry(stage !== 'waiting', now);
  }

  /**
   * Whether too little time is left at `now` to start the first attempt.
   *
   * @see [C2.2](../../docs/guarantees.md#c2-2)
   */
  isTooLate(now: number): boolean {
    const { startedAt, deadlineAt } = this.options;
    return isTooShort(deadlineAt - now, now - startedAt);
  }

  /**
   * Returns when to check again whether an attempt that has exceeded its attempt timeout may be abandoned. By then
   * another endpoint may be available, or the budget may have refilled. If the attempt may never be abandoned, returns
   * the deadline of the call.
   */
  recheckAt(stage: Stage, now: number): number {
    const { kind, isReplayable, deadlineAt } = this.options;
    return retryability(kind, stage, isReplayable) === 'never'
      ? deadlineAt
      : Math.min(deadlineAt, now + recheckIntervalMs);
  }

  /**
   * Whether the call may be retried after a delay of `waitMs`, which the response requested (`Retry-After`). If so,
   * reserves the retry in the budget.
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
   * Whether the call may be retried after a response that states that the call was not executed (`clerk-not-executed`).
   * If so, reserves the retry in the budget.
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
   * Whether a call may be sent again after `waitMs` to fetch its response, because the service reports that an earlier
   * attempt is still running. If so, reserves the retry in the budget.
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
   * Picks the endpoint for the next attempt after a failed attempt. As needed, first waits, refreshes the resolution or
   * starts the service.
   *
   * @throws {@link ClerkError} the error that ends the call, when no further attempt is possible
   */
  async nextCandidate(): Promise<ConnectedCandidate> {
    const { context, picker } = this;
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
      // Refreshes an expired resolution before the retry. If the refresh fails, the expired resolution stays in use,
      // flagged stale.
      if (mustCheckFreshness && !picker.isFresh(context.clock.now()))
        await picker.refreshResolution(new Set(this.#tried));
      mustCheckFreshness = false;
      const now = context.clock.now();
      this.assertActive();
      if (deadlineAt - now < minAttemptMs) throw deadlineError(this);
      if (this.outcomes.length >= maxAttempts) throw exhaustedError(this);
      const candidate = picker.pickAlternative(now, constraints, this.#tried);
      if (candidate && context.health.canDial(candidate, now)) {
        if (!this.#reserveRetry(false, now))
          throw this.options.allowsRetries ? budgetError(this) : nestedRetryError(this);
        return candidate;
      }
      if (candidate) {
        // All endpoints left to try are in connection backoff. Waits only if a dial is allowed within `maxDialWaitMs`
        // and before the deadline.
        const dialWaitMs = context.health.nextDialAt(candidate) - now;
        if (dialWaitMs > maxDialWaitMs || dialWaitMs > deadlineAt - now) throw exhaustedError(this);
        await this.#wait(Math.max(dialWaitMs, 1));
        mustCheckFreshness = true;
      } else if (!this.#hasRefreshed) {
        this.#hasRefreshed = true;
        await picker.refreshResolution(new Set(this.#tried));
      } else if (
        !this.#hasReconsidered &&
        retryability(kind, 'sent', isReplayable, requiredScope !== undefined) === 'budget' &&
        this.#reconsiderTried()
      ) {
        this.#hasReconsidered = true;
      } else if (this.#lastStage === 'waiting' && picker.canStart && !this.#hasStartedService) {
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
   * Hands the reserved retry, if there is one, over to the caller of this method. If true is returned, the caller must
   * call `spent` or `refund` of the budget.
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
   * Reserves one retry in the budget if any attempt of the call may have been executed. Otherwise the retry is free,
   * and nothing is reserved.
   *
   * @param mayHaveRun - whether the attempt in flight may have been executed
   * @returns false if the budget or `allowsRetries` forbids the retry
   */
  #reserveRetry(mayHaveRun: boolean, now: number): boolean {
    if (this.#hasReservedRetry || (!mayHaveRun && this.execution === 'none')) return true;
    const { budget } = this.context;
    const { canStart } = this.picker;
    // Starting the service also needs a retry of the budget, so retries of calls must leave `reservedForStarts`.
    const leavesStartReserve = !canStart || budget.available(now) > reservedForStarts;
    this.#hasReservedRetry = this.options.allowsRetries && leavesStartReserve && budget.tryWithdraw(now);
    return this.#hasReservedRetry;
  }

  /**
   * Makes tried endpoints available again when no other endpoint is left: each endpoint that timed out, and the
   * endpoint of the last attempt if the request was sent. The last attempt may have failed only because an idle
   * connection broke.
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
      await this.picker.startService(this.#lastStartedAt);
    } catch (error) {
      throw isClerkError(error) ? withCallDetails(this, error) : error;
    }
  }
}

/** Number of retries in the budget that must be left for starts of the service, if the service can be started. */
const reservedForStarts = 1;

/**
 * Interval for checking whether an attempt that has exceeded its attempt timeout may be abandoned for another endpoint,
 * in ms.
 */
const recheckIntervalMs = 100;

/** Longest time for which a retry waits for the end of a connection backoff, in ms. */
export const maxDialWaitMs = 250;
