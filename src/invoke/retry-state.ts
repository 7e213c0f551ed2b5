import type { ConnectedCandidate } from '../core/candidate.js';
import { isClerkError, type ClerkError } from '../core/errors.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import { idempotencyScopeOf } from './at-most-once.js';
import { AttemptLog, type AttemptRecord, type CallInfo } from './attempt-log.js';
import type { CallContext } from './call-context.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import {
  budgetError,
  deadlineError,
  exhaustedError,
  nestedRetryError,
  outcomeUnknownError,
  retriesOffError,
  withCallDetails,
} from './call-errors.js';
import { isTooShort } from './call-deadline.js';
import type { RetryBudget } from './retry-budget.js';
import { maxMoves, minAttemptMs, retryability } from './resend-safety.js';
import type { RetrySettings } from './retry-settings.js';

/** The facts of a call that its retries depend on. */
export interface RetriedCall extends CallInfo {
  readonly constraints: PickConstraints;
  /** Whether the request body can be sent twice. */
  readonly isReplayable: boolean;
  /** Undefined if the call must not be retried after its request was sent. */
  readonly retries: RetrySettings | undefined;
  readonly budget: RetryBudget;
  /** Whether the inbound request being served is itself a retry. */
  readonly isNestedRetry: boolean;
}

/**
 * Finds the endpoint of the next attempt of a call. Tracks the tried endpoints, the outcomes of their attempts, and the
 * retry that is reserved in the retry budget.
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
  /**
   * Whether the next attempt needs a retry of the budget even if no attempt was executed. True after a response, and
   * when the free retries of the call are used up.
   */
  requiresBudget = false;
  /**
   * Whether the next attempt needs no retry of the budget, because the endpoint has closed the connection gracefully or
   * has not processed the request.
   */
  isNextFree = false;
  #hasFreeSend = false;
  /** Number of attempts that do not count against the limit of the call. @see {@link RetryState.allowMove} */
  moves = 0;
  /** Id of an endpoint that may get the next attempt although an attempt there has ended. */
  #repeatable: string | undefined;
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
    override readonly call: RetriedCall,
  ) {
    super(context, call);
  }

  /** Ids of the endpoints at which an attempt of this call has failed. The next attempt must avoid them. */
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
    this.#repeatable = undefined;
    this.#lastStage = attempt.stage;
    if (attempt.stage !== 'waiting' && this.call.kind === 'once')
      this.#idempotencyScope = idempotencyScopeOf(attempt.candidate.endpoint);
    this.#lastStartedAt = this.context.clock.now() - durationMs;
    return super.record(attempt, verdict, code, durationMs, error);
  }

  /**
   * Whether too little time is left at `now` to start the first attempt.
   *
   * @see [C2.2](../../docs/guarantees.md#c2-2)
   */
  isTooLate(now: number): boolean {
    const { startedAt, deadlineAt } = this.call;
    return isTooShort(deadlineAt - now, now - startedAt);
  }

  /**
   * Called when the endpoint of the last attempt closed the connection gracefully, or did not process the request. The
   * attempt then does not count against the limit of the call. If no other endpoint is left, the next attempt goes to
   * the same endpoint, on another connection.
   */
  allowMove(endpoint: string): void {
    this.moves++;
    this.#repeatable = endpoint;
  }

  /** Whether a retry of a 'once' call would go to the idempotency store that may have recorded the call. */
  get hasIdempotencyScope(): boolean {
    return this.#idempotencyScope !== undefined;
  }

  /** Whether a retry is reserved, or could be reserved now. */
  hasBudget(now: number): boolean {
    return this.#hasReservedRetry || this.call.budget.available(now) >= 1;
  }

  /** Reserves a retry of the budget. If true is returned, the caller must call `spent` or `refund` of the budget. */
  tryReserve(now: number): boolean {
    return this.call.budget.tryWithdraw(now);
  }

  /**
   * Picks the endpoint for the next attempt after a failed attempt. If necessary, first waits, refreshes the resolution
   * or starts the service.
   *
   * @throws {@link ClerkError} the error that ends the call, when no further attempt is possible
   */
  async nextCandidate(): Promise<ConnectedCandidate> {
    const { context, picker } = this;
    const { kind, isReplayable, deadlineAt } = this.call;
    const requiredScope = this.#idempotencyScope;
    const retry = retryability(kind, this.#lastStage, isReplayable, requiredScope !== undefined);
    if (retry === 'never' || (kind === 'once' && this.execution !== 'none' && requiredScope === undefined))
      throw outcomeUnknownError(this);
    const constraints =
      requiredScope === undefined
        ? this.call.constraints
        : { ...this.call.constraints, idempotencyScope: requiredScope };
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
      if (this.outcomes.length - this.moves > (this.call.retries?.max ?? maxMoves))
        throw exhaustedError(this);
      const candidate = picker.pickAlternative(now, constraints, this.#tried);
      if (candidate && context.health.canDial(candidate, now)) {
        if (!this.#reserveRetry(now)) throw this.#refusedRetryError();
        return candidate;
      }
      if (candidate) {
        // All endpoints left to try are in connection backoff. Waits only if a dial is allowed within `maxDialWaitMs`
        // and before the deadline.
        const dialWaitMs = context.health.nextDialAt(candidate) - now;
        if (dialWaitMs > maxDialWaitMs || dialWaitMs > deadlineAt - now) throw exhaustedError(this);
        await this.#wait(Math.max(dialWaitMs, 1));
        mustCheckFreshness = true;
      } else if (this.#repeatable !== undefined) {
        this.#tried.delete(this.#repeatable);
        this.#repeatable = undefined;
      } else if (!this.#hasRefreshed) {
        this.#hasRefreshed = true;
        await picker.refreshResolution(new Set(this.#tried));
      } else if (
        !this.#hasReconsidered &&
        retryability(kind, 'sent', isReplayable, requiredScope !== undefined) === 'budget' &&
        this.#reconsiderTried()
      ) {
        this.#hasReconsidered = true;
      } else if (picker.canStart && !this.#hasStartedService && this.#mayStart(now, constraints)) {
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

  /**
   * Whether the attempt that is about to be sent needs no retry of the budget. This method returns true once for each
   * free attempt. @see {@link RetryState.isNextFree}
   */
  takeFreeSend(): boolean {
    const isFree = this.#hasFreeSend;
    this.#hasFreeSend = false;
    return isFree;
  }

  /** @throws {@link ClerkError} when the call was settled meanwhile */
  assertActive(): void {
    if (this.settled) throw outcomeUnknownError(this);
  }

  /** Marks the call as settled, ends the current wait and refunds the reserved retry. */
  finish(): void {
    this.settled = true;
    this.#cancelWait?.();
    if (this.takeReservedRetry()) this.call.budget.refund();
  }

  #wait(ms: number): Promise<void> {
    return this.context.wheel.sleep(ms, (cancel) => (this.#cancelWait = cancel));
  }

  /**
   * Reserves one retry in the budget if an attempt of the call may have been executed or was answered. Otherwise the
   * retry is free, and nothing is reserved.
   *
   * @returns false if the budget or the settings of the call forbid the retry
   */
  #reserveRetry(now: number): boolean {
    const isFree = this.isNextFree && this.call.retries !== undefined;
    this.isNextFree = false;
    if (this.#hasReservedRetry || (this.execution === 'none' && !this.requiresBudget)) return true;
    if (isFree) {
      this.#hasFreeSend = true;
      return true;
    }
    this.#hasReservedRetry = this.call.retries !== undefined && this.tryReserve(now);
    return this.#hasReservedRetry;
  }

  #refusedRetryError(): ClerkError {
    if (this.call.retries !== undefined) return budgetError(this);
    return this.call.isNestedRetry ? nestedRetryError(this) : retriesOffError(this);
  }

  /**
   * Makes tried endpoints available again when no other endpoint is left. These are the endpoints whose attempt timed
   * out, and the endpoint of the last attempt if the request was sent. The last attempt may have failed only because an
   * idle connection broke.
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

  /**
   * Whether a start of the service may help: no endpoint accepted the request, or the connection was lost and no
   * endpoint is left. The connection is also lost when the registry ends the process of an endpoint that cannot serve.
   */
  #mayStart(now: number, constraints: PickConstraints): boolean {
    if (this.#lastStage === 'sent')
      return this.picker.pickAlternative(now, constraints, noneTried) === undefined;
    return this.#lastStage === 'waiting';
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

const noneTried: ReadonlySet<string> = new Set();

/** Longest time for which a retry waits for the end of a connection backoff, in ms. */
export const maxDialWaitMs = 250;
