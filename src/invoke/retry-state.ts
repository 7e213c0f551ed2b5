import { backoffBoundMs, backoffMs } from '../core/backoff.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import { isClerkError, type ClerkError } from '../core/errors.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import { idempotencyScopeOf } from './idempotency-headers.js';
import { isUnproven } from './classify-error.js';
import { AttemptLog, type AttemptRecord, type CallInfo } from './attempt-log.js';
import { tooManyPendingError, type CallContext } from './call-context.js';
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
import { isTooShort, minAttemptMs } from './call-deadline.js';
import type { RetryBudget } from './retry-budget.js';
import { retryability } from './retry-safety.js';
import { maxMoves, type RetrySettings } from './retry-settings.js';

export interface RetriedCall extends CallInfo {
  readonly constraints: PickConstraints;
  readonly isReplayable: boolean;
  readonly retries: RetrySettings | undefined;
  readonly budget: RetryBudget;
  readonly isNestedRetry: boolean;
  readonly waitsForReady: boolean;
  /** Whether the call already counts for `maxPending`. */
  readonly isPending: boolean;
}

interface TicketRenewal {
  readonly candidate: ConnectedCandidate;
  readonly ticket: Promise<void>;
}

export class RetryState extends AttemptLog {
  settled = false;
  #cancelWait: (() => void) | undefined;
  retryDelayMs: number | undefined;
  /**
   * Whether the next attempt uses the retry budget even if no attempt was executed. True after a response, and when
   * the call has used its free retries.
   */
  requiresBudget = false;
  isNextFree = false;
  #hasFreeSend = false;
  #hasWaitedForStart = false;
  #lastCandidate: ConnectedCandidate | undefined;
  moves = 0;
  #repeatable: string | undefined;
  readonly #tried = new Set<string>();
  #lastStage: Stage = 'waiting';
  #lastStartedAt = 0;
  #idempotencyScope: string | undefined;
  #hasRefreshed = false;
  #hasStartedService = false;
  #hasReconsidered = false;
  #backoffs = 0;
  #hasReservedRetry = false;
  #hasRenewedTicket = false;
  #renewal: TicketRenewal | undefined;

  constructor(
    context: CallContext,
    readonly picker: EndpointPicker,
    override readonly call: RetriedCall,
  ) {
    super(context, call);
  }

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
    this.#lastCandidate = attempt.candidate;
    if (attempt.stage !== 'waiting' && this.call.kind === 'once')
      this.#idempotencyScope = idempotencyScopeOf(attempt.candidate.endpoint);
    this.#lastStartedAt = this.context.clock.now() - durationMs;
    return super.record(attempt, verdict, code, durationMs, error);
  }

  isTooLate(now: number): boolean {
    const { startedAt, deadlineAt } = this.call;
    return isTooShort(deadlineAt - now, now - startedAt);
  }

  /**
   * Called after a failure whose retry is free; see `FreeRetries`. The failed attempt does not count against
   * `retries.max`. The next attempt may use the same endpoint on another connection.
   */
  allowMove(endpoint: string): void {
    this.moves++;
    this.#repeatable = endpoint;
  }

  get hasRenewedTicket(): boolean {
    return this.#hasRenewedTicket;
  }

  /**
   * Called when an endpoint refused the ticket and executed nothing. The next attempt waits for another ticket, and
   * may use the same endpoint. The next attempt is free, and does not count against `retries.max`.
   */
  repeatWithTicket(candidate: ConnectedCandidate, ticket: Promise<void>): void {
    this.#hasRenewedTicket = true;
    this.#renewal = { candidate, ticket };
    this.moves++;
  }

  get hasIdempotencyScope(): boolean {
    return this.#idempotencyScope !== undefined;
  }

  /**
   * Constraints of the next attempt. If an idempotency store may have recorded the call, the next attempt must use
   * the same store.
   */
  get constraints(): PickConstraints {
    const { constraints } = this.call;
    const idempotencyScope = this.#idempotencyScope;
    return idempotencyScope === undefined ? constraints : { ...constraints, idempotencyScope };
  }

  hasBudget(now: number): boolean {
    return this.#hasReservedRetry || this.call.budget.available(now) >= 1;
  }

  /**
   * Whether a start of the service has replaced the endpoints of all attempts that were sent. If so, one attempt per
   * call is free. @see [C4.1](../../docs/guarantees.md#c4-1)
   */
  isFreeAfterStart(
    sent: readonly { readonly candidate: ConnectedCandidate; readonly sentAt: number }[],
  ): boolean {
    return (
      !this.#hasWaitedForStart &&
      this.call.retries !== undefined &&
      sent.length > 0 &&
      sent.every(({ candidate, sentAt }) => this.picker.isReplaced(candidate, sentAt))
    );
  }

  takeFreeAfterStart(): void {
    this.#hasWaitedForStart = true;
    this.#hasFreeSend = true;
  }

  /** Reserves one retry. The caller must then call `spent` or `refund` of the budget. Returns false if none is left. */
  tryReserve(now: number): boolean {
    return this.call.budget.tryWithdraw(now);
  }

  /**
   * Returns the endpoint of the next attempt. If necessary, first waits, refreshes the resolution or starts the
   * service.
   * @throws {@link ClerkError} the error that ends the call, if no further attempt is possible
   */
  async nextCandidate(): Promise<ConnectedCandidate> {
    const renewal = this.#renewal;
    if (renewal !== undefined) return this.#repeat(renewal);
    const { context, picker } = this;
    const { kind, isReplayable, deadlineAt } = this.call;
    const { constraints, hasIdempotencyScope } = this;
    const retry = retryability(kind, this.#lastStage, isReplayable, hasIdempotencyScope);
    if (retry === 'never' || (kind === 'once' && this.execution !== 'none' && !hasIdempotencyScope))
      throw outcomeUnknownError(this);
    const { retryDelayMs } = this;
    if (retryDelayMs !== undefined) {
      this.retryDelayMs = undefined;
      this.#tried.clear();
      if (retryDelayMs > 0) await this.#wait(retryDelayMs);
    }
    let mustCheckFreshness = true;
    for (;;) {
      // After a failed refresh, the expired resolution stays in use, flagged stale.
      if (mustCheckFreshness && !picker.isFresh(context.clock.now()))
        await picker.refreshResolution(new Set(this.#tried));
      mustCheckFreshness = false;
      const now = context.clock.now();
      this.assertActive();
      if (deadlineAt - now < minAttemptMs) throw deadlineError(this);
      if (this.outcomes.length - this.moves > (this.call.retries?.max ?? maxMoves)) {
        await this.#waitUntilChanged();
        mustCheckFreshness = true;
        continue;
      }
      const candidate = picker.pickAlternative(now, constraints, this.#tried);
      if (candidate && context.health.canDial(candidate, now)) {
        if (!this.#reserveRetry(now)) throw this.#refusedRetryError();
        return candidate;
      }
      if (candidate) {
        // All endpoints left to try are in connection backoff. Waits at most `maxDialWaitMs`, and only if a dial is
        // allowed before the deadline.
        const dialWaitMs = context.health.nextDialAt(candidate) - now;
        if (dialWaitMs > maxDialWaitMs || dialWaitMs > deadlineAt - now) await this.#waitUntilChanged();
        else await this.#wait(Math.max(dialWaitMs, 1));
        mustCheckFreshness = true;
      } else if (this.#repeatable !== undefined) {
        this.#tried.delete(this.#repeatable);
        this.#repeatable = undefined;
      } else if (!this.#hasRefreshed) {
        this.#hasRefreshed = true;
        await picker.refreshResolution(new Set(this.#tried));
        this.#allowNewKey(context.clock.now());
      } else if (
        !this.#hasReconsidered &&
        retryability(kind, 'sent', isReplayable, hasIdempotencyScope) === 'budget' &&
        this.#reconsiderTried()
      ) {
        this.#hasReconsidered = true;
      } else if (picker.canStart && !this.#hasStartedService && this.#mayStart(now, constraints)) {
        this.#hasStartedService = true;
        await this.#startService();
        this.#tried.clear();
        mustCheckFreshness = true;
      } else if (this.#mayBackOff(now)) {
        await this.#wait(this.nextBackoffMs());
        this.#tried.clear();
        mustCheckFreshness = true;
      } else {
        await this.#waitUntilChanged();
        mustCheckFreshness = true;
      }
    }
  }

  /** Returns the delay before the next attempt of a call whose endpoints have all failed, in ms. */
  nextBackoffMs(): number {
    return backoffMs(retryBackoff, ++this.#backoffs, this.context.clock.random());
  }

  /**
   * Whether the call may wait and then try the same endpoints again, because its response was lost. The delay and the
   * next attempt must end before the deadline.
   */
  #mayBackOff(now: number): boolean {
    const { kind, isReplayable, retries, deadlineAt } = this.call;
    return (
      this.#lastStage !== 'waiting' &&
      retries !== undefined &&
      retryability(kind, 'sent', isReplayable, this.hasIdempotencyScope) === 'budget' &&
      this.hasBudget(now) &&
      deadlineAt - now - backoffBoundMs(retryBackoff, this.#backoffs + 1) >= minAttemptMs
    );
  }

  /**
   * Waits for a change of the service, after which all endpoints may be tried again. Waits only for a call with
   * `waitForReady`, or if only the idempotency store that may have recorded the call can respond. A call that may have
   * run waits only if it can be repeated.
   * @throws {@link ClerkError} the error that ends any other call
   * @see [C2.8](../../docs/guarantees.md#c2-8)
   */
  async #waitUntilChanged(): Promise<void> {
    const { context, call, hasIdempotencyScope } = this;
    const error = exhaustedError(this);
    const mayHaveRun = this.execution !== 'none';
    const canRepeat =
      call.retries !== undefined &&
      retryability(call.kind, 'sent', call.isReplayable, hasIdempotencyScope) === 'budget';
    const mayWait = mayHaveRun
      ? canRepeat && (call.waitsForReady || hasIdempotencyScope)
      : call.waitsForReady;
    if (!mayWait) throw error;
    this.waitedFor = error;
    if (!call.isPending && context.pendingCalls >= context.maxPending)
      throw withCallDetails(this, tooManyPendingError(context));
    const counted = call.isPending ? 0 : 1;
    context.pendingCalls += counted;
    try {
      await this.picker.untilChanged();
    } finally {
      context.pendingCalls -= counted;
    }
    this.#tried.clear();
    this.moves = this.outcomes.length;
    this.#hasRefreshed = this.#hasStartedService = this.#hasReconsidered = false;
  }

  async #repeat({ candidate, ticket }: TicketRenewal): Promise<ConnectedCandidate> {
    this.#renewal = undefined;
    await ticket;
    this.assertActive();
    const now = this.context.clock.now();
    if (this.call.deadlineAt - now < minAttemptMs) throw deadlineError(this);
    this.#hasFreeSend ||= this.execution !== 'none';
    this.#tried.delete(candidate.endpoint.id);
    // If the instance has registered again since, the picker returns the new candidate. A picker with one fixed
    // endpoint returns no alternative.
    return this.picker.pickAlternative(now, this.constraints, this.#tried) ?? candidate;
  }

  /**
   * Passes the reserved retry, if any, to the caller of this method, which must then call `spent` or `refund` of the
   * budget. Returns whether a retry was reserved.
   */
  takeReservedRetry(): boolean {
    const wasReserved = this.#hasReservedRetry;
    this.#hasReservedRetry = false;
    return wasReserved;
  }

  takeFreeSend(): boolean {
    const isFree = this.#hasFreeSend;
    this.#hasFreeSend = false;
    return isFree;
  }

  assertActive(): void {
    if (this.settled) throw outcomeUnknownError(this);
  }

  finish(): void {
    this.settled = true;
    this.#cancelWait?.();
    if (this.takeReservedRetry()) this.call.budget.refund();
  }

  #wait(ms: number): Promise<void> {
    return this.context.wheel.sleep(ms, (cancel) => (this.#cancelWait = cancel));
  }

  /**
   * Reserves one retry in the budget if an attempt of the call may have been executed or got a response. If not, the
   * next attempt is free. Returns false if the budget or the settings of the call forbid the retry.
   */
  #reserveRetry(now: number): boolean {
    const isFree = this.isNextFree && this.call.retries !== undefined;
    this.isNextFree = false;
    if (this.#hasReservedRetry || (this.execution === 'none' && !this.requiresBudget)) return true;
    if (isFree || this.#hasFreeSend) {
      this.#hasFreeSend = true;
      return true;
    }
    const last = this.#lastCandidate;
    if (last !== undefined && this.isFreeAfterStart([{ candidate: last, sentAt: this.#lastStartedAt }])) {
      this.takeFreeAfterStart();
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
   * Allows a second attempt at endpoints whose attempt timed out, and at the endpoint of the last attempt. The last
   * attempt may have failed only because an idle connection broke. Returns whether an endpoint may be tried again.
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

  /** The last endpoint may be tried again if the lookup has found another key of this endpoint. */
  #allowNewKey(now: number): void {
    const last = this.#lastCandidate;
    if (last === undefined || !isUnproven(this.outcomes.at(-1)?.error)) return;
    const { id } = last.endpoint;
    const others = new Set(this.#tried);
    others.delete(id);
    const next = this.picker.pickAlternative(now, this.constraints, others);
    if (next?.endpoint.id === id && next !== last) this.#tried.delete(id);
  }

  /**
   * Whether a start of the service may help. A start may help if the request of the last attempt was not sent, or if
   * its connection was lost and no endpoint is left. In the latter case, the registry may have ended a faulty process.
   */
  #mayStart(now: number, constraints: PickConstraints): boolean {
    if (this.#lastStage === 'sent')
      return this.picker.pickAlternative(now, constraints, noneTried) === undefined;
    return this.#lastStage === 'waiting';
  }

  async #startService(): Promise<void> {
    try {
      await this.picker.startService(this.#lastStartedAt);
    } catch (error) {
      throw isClerkError(error) ? withCallDetails(this, error) : error;
    }
  }
}

const noneTried: ReadonlySet<string> = new Set();

export const maxDialWaitMs = 250;

const retryBackoff = { firstMs: 500, maxMs: 5_000 };
