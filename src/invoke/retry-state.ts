/**
 * One call on its way from endpoint to endpoint: who was tried, what became of it, who is next. Shared by everything
 * that calls; knows nothing of what a call carries.
 */
import type { ConnectedCandidate } from '../core/candidate.js';
import { isClerkError } from '../core/errors.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import { AttemptLog, type AttemptLogOptions, type AttemptRecord } from './attempt-log.js';
import { minAttemptMs, retryability, maxAttempts } from './retry-rules.js';
import { idempotencyScopeOf } from './at-most-once.js';
import type { CallContext, PickConstraints } from './call-context.js';
import { isTooShort } from './deadline.js';

/** What a trip must know of its call. */
export interface RetryStateOptions extends AttemptLogOptions {
  readonly constraints: PickConstraints;
  /** Whether what the call carries can be sent twice. */
  readonly isReplayable: boolean;
  /** Whether what was sent may be sent again, if its kind allows it. */
  readonly allowsRetries: boolean;
}

/** See the file's header. */
export class RetryState extends AttemptLog {
  /** The call was settled: nothing more may be done for it. */
  settled = false;
  /** Ends the wait that is under way. */
  #cancelWait: (() => void) | undefined;
  /** Wait this long before the next attempt, because the last answer asked for it. */
  retryDelayMs: number | undefined;
  readonly #tried = new Set<string>();
  #lastStage: Stage = 'waiting';
  #lastStartedAt = 0;
  /** Where the call is remembered, if it may have run and whoever may have run it remembers. */
  #idempotencyScope: string | undefined;
  #hasRefreshed = false;
  #hasStartedService = false;
  #hasReconsidered = false;
  /** A repeat is set aside for the next attempt. */
  #hasReservedRetry = false;

  constructor(
    site: CallContext,
    override readonly options: RetryStateOptions,
  ) {
    super(site, options);
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

  /** Whether a running attempt at `stage` may be given up for another one, and pays for it if that costs. */
  canFailOver(stage: Stage, candidate: ConnectedCandidate, now: number): boolean {
    const { kind, isReplayable, deadlineAt, constraints } = this.options;
    const retry = retryability(kind, stage, isReplayable);
    if (retry === 'never' || this.outcomes.length + 1 >= maxAttempts || deadlineAt - now < minAttemptMs)
      return false;
    if (!this.context.hasAlternative(constraints, new Set([...this.#tried, candidate.endpoint.id])))
      return false;
    return this.#reserveRetry(stage !== 'waiting', now);
  }

  /** Whether most of its time is gone before the first attempt, and too little is left for one. @see promises C2.2 */
  isTooLate(now: number): boolean {
    const { startedAt, deadlineAt } = this.options;
    return isTooShort(deadlineAt - now, now - startedAt);
  }

  /**
   * When to ask again whether a late attempt may be given up, after it might not: nobody else may have been open, or the
   * budget spent, and neither lasts. The deadline where it never may.
   */
  recheckAt(stage: Stage, now: number): number {
    const { kind, isReplayable, deadlineAt } = this.options;
    return retryability(kind, stage, isReplayable) === 'never'
      ? deadlineAt
      : Math.min(deadlineAt, now + recheckIntervalMs);
  }

  /** Whether an answer that asks to be left alone for a while may be waited for; pays for the repeat. */
  canWait(stage: Stage, waitMs: number, now: number): boolean {
    const { kind, isReplayable, deadlineAt } = this.options;
    if (retryability(kind, stage, isReplayable) !== 'budget' || this.outcomes.length + 1 >= maxAttempts)
      return false;
    if (deadlineAt - now - waitMs < minAttemptMs || !this.#reserveRetry(true, now)) return false;
    this.retryDelayMs = waitMs;
    return true;
  }

  /** Whether an answer that says "it did not run" is passed over for another try; pays for that. @see promises C3.5 */
  canRetryUnexecuted(now: number): boolean {
    const { isReplayable, deadlineAt } = this.options;
    if (!isReplayable || this.outcomes.length + 1 >= maxAttempts || deadlineAt - now < minAttemptMs)
      return false;
    return this.#reserveRetry(true, now);
  }

  /** Whether a call that is running already, after its answer was lost, may be asked for once more in a while. */
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
   * Finds who is asked next after a failure.
   *
   * @throws {@link ClerkError} when nobody may be: the error of the whole call
   */
  async nextCandidate(): Promise<ConnectedCandidate> {
    const { context } = this;
    const { kind, isReplayable, deadlineAt } = this.options;
    const requiredScope = this.#idempotencyScope;
    const retry = retryability(kind, this.#lastStage, isReplayable, requiredScope !== undefined);
    if (retry === 'never' || (kind === 'once' && this.execution !== 'none' && requiredScope === undefined))
      throw this.outcomeUnknownError();
    const wish =
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
      // An answer that has run out is not used for a repeat either; what cannot be renewed comes back flagged stale.
      if (mustCheckFreshness && !context.isFresh(context.clock.now()))
        await context.refreshResolution(new Set(this.#tried));
      mustCheckFreshness = false;
      const now = context.clock.now();
      this.assertActive();
      if (deadlineAt - now < minAttemptMs) throw this.deadlineError();
      if (this.outcomes.length >= maxAttempts) throw this.exhaustedError();
      const candidate = context.pickAlternative(now, wish, this.#tried);
      if (candidate && context.health.canDial(candidate, now)) {
        if (!this.#reserveRetry(false, now))
          throw this.options.allowsRetries ? this.budgetError() : this.nestedRetryError();
        return candidate;
      }
      if (candidate) {
        // It refuses, and its next dial is paced: waiting is worth it only if that is soon.
        const dialWaitMs = context.health.nextDialAt(candidate) - now;
        if (dialWaitMs > maxDialWaitMs || dialWaitMs > deadlineAt - now) throw this.exhaustedError();
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
        throw this.exhaustedError();
      }
    }
  }

  /**
   * Hands over what was set aside for the next attempt, if that costs anything. Whoever takes it says to the budget
   * whether it was spent.
   */
  takeReservedRetry(): boolean {
    const wasReserved = this.#hasReservedRetry;
    this.#hasReservedRetry = false;
    return wasReserved;
  }

  /** @throws when the call was settled meanwhile: nothing more may be done for it */
  assertActive(): void {
    if (this.settled) throw this.outcomeUnknownError();
  }

  /** The call is settled: ends a wait, and gives back what was set aside for a repeat. */
  finish(): void {
    this.settled = true;
    this.#cancelWait?.();
    if (this.takeReservedRetry()) this.context.budget.refund();
  }

  #wait(ms: number): Promise<void> {
    return this.context.wheel.sleep(ms, (cancel) => (this.#cancelWait = cancel));
  }

  /** Sets a repeat aside, once, where one was sent before or is being given up after it was. */
  #reserveRetry(mayHaveRun: boolean, now: number): boolean {
    if (this.#hasReservedRetry || (!mayHaveRun && this.execution === 'none')) return true;
    const { budget, canStart } = this.context;
    // What starts the service must not be kept from it by those who cannot reach it.
    const leavesStartReserve = !canStart || budget.available(now) > reservedForStarts;
    this.#hasReservedRetry = this.options.allowsRetries && leavesStartReserve && budget.tryWithdraw(now);
    return this.#hasReservedRetry;
  }

  /**
   * Nobody else is left: those that may only have been slow, and the one whose connection was cut, perhaps while it was
   * idle, may be asked once more.
   *
   * @returns whether there is any
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

  /** Nobody is there. Why there is nobody to start is an error of this call, with what it has been through. */
  async #startService(): Promise<void> {
    try {
      await this.context.startService(this.#lastStartedAt);
    } catch (error) {
      throw isClerkError(error) ? this.withCallDetails(error) : error;
    }
  }
}

/** Of the budget so many are left to starts, where the service can be started. */
const reservedForStarts = 1;

/** How often a late attempt is looked at again, in ms. */
const recheckIntervalMs = 100;

/** Longest wait for an endpoint that refuses, in ms. */
export const maxDialWaitMs = 250;
