import { BaseCall, trialTimeoutMs } from './base-call.js';
import type { CallAttempt } from './call-attempt.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import {
  decide,
  recheckMs,
  type AttemptFacts,
  type CallAction,
  type CallEvent,
  type CallFacts,
  type Settlement,
} from './retry-decision.js';
import { deadlineError, noResponseError, outcomeUnknownError } from './call-errors.js';
import { reportFailover } from './call-events.js';
import type { HedgingPolicy } from './hedging-policy.js';

const noneTried: ReadonlySet<string> = new Set();
/** Time after a refresh, in ms, in which even an expired resolution may be used. */
const maxRefreshAgeMs = 8;

/**
 * A call that may make several attempts, up to three at a time. {@link decide} decides what the call does next; this
 * class carries out the decision. A late attempt continues while the next attempt runs. When a response is accepted,
 * all other attempts are cancelled.
 */
export abstract class FailoverCall<A extends CallAttempt> extends BaseCall<A> {
  protected abstract readonly deferred: CallFacts['deferred'];
  #isTrial = false;
  /** Must start an attempt and add it to the attempts in flight. */
  protected abstract startAttempt(
    candidate: ConnectedCandidate,
    pickReason: string,
    now: number,
    hasReservedRetry: boolean,
  ): void;
  /** Switches an unsent attempt to the next address of its endpoint. Returns false if there is none. */
  protected abstract redial(attempt: A, now: number): boolean;
  /** Returns false if there is no deferred response or error to deliver. */
  protected abstract settleDeferred(): boolean;
  protected restartResponse(): void {}

  /** Whether the caller receives a response only when the body is complete. */
  protected get readsWholeBody(): boolean {
    return false;
  }

  /** Called by the timer wheel, possibly in the async context of another call. */
  expire(now: number): void {
    if (!this.settled) this.asyncContext.runInAsyncScope(() => this.#expire(now));
  }

  #expire(now: number): void {
    const state = this.failover;
    if (now >= this.deadlineAt) {
      this.#onDeadline(now);
      return;
    }
    if (now >= state.hedgeAt) {
      state.hedgeAt = state.uploadCheckAt(now);
      if (state.hedgeAt === Infinity) this.carryOut(this.decide({ type: 'hedge-due' }, now), now);
    }
    for (const attempt of [...state.inFlight])
      if (!attempt.ended && now >= attempt.checkAt) this.#check(attempt, now);
    this.arm(now);
  }

  protected sendFirst(candidate: ConnectedCandidate, now: number): void {
    this.budget.deposit(now);
    this.send(candidate, this.#isTrial ? 'trial' : this.picker.policyName, now, false);
  }

  /** Starts no attempt if a policy or listener of the application has aborted the call. */
  protected send(
    candidate: ConnectedCandidate,
    pickReason: string,
    now: number,
    hasReservedRetry: boolean,
  ): void {
    if (!this.settled) this.startAttempt(candidate, pickReason, now, hasReservedRetry);
    else if (hasReservedRetry) this.budget.refund();
  }

  /**
   * Picks an endpoint that gets the call as its probe. Returns undefined if no second attempt could start while the
   * probe is in flight.
   */
  protected pickTrial(now: number): ConnectedCandidate | undefined {
    const { kind, constraints, picker } = this;
    if (kind === 'once' || !this.isReplayable || this.isUpgrade || this.retries === undefined)
      return undefined;
    const canBeJoined =
      this.deadlineAt - now > 2 * trialTimeoutMs &&
      this.budget.available(now) > 1 &&
      picker.hasAlternative(constraints, noneTried);
    const trial = canBeJoined ? picker.pickTrial(now, constraints) : undefined;
    this.#isTrial = trial !== undefined;
    return trial;
  }

  protected startHedging(hedging: HedgingPolicy, now: number): void {
    const { attempt } = this;
    if (this.isUpgrade || !this.isReplayable || this.retries === undefined) return;
    if (this.settled || attempt === undefined || attempt.ended || attempt.stage === 'answered') return;
    hedging.deposit(now);
    const delayMs = hedging.delayMs(this.attemptTimeout, now);
    if (delayMs === undefined) return;
    const state = this.failover;
    if (delayMs === 0) this.carryOut(this.decide({ type: 'hedge-due' }, now), now);
    else state.hedgeAt = Math.ceil(now + delayMs);
    state.hedgeDelayMs = delayMs;
    this.arm(now);
  }

  protected decide(event: CallEvent, now: number): readonly CallAction[] {
    return decide(this.#facts(now), event);
  }

  protected factsOf(attempt: A): AttemptFacts {
    const { number, stage, isLate, candidate } = attempt;
    const { status, isDoubted } = candidate;
    const isEjected = status === 'closed';
    return { number, stage, isLate, isQueued: this.isQueued(attempt), isEjected, isDoubted };
  }

  /**
   * @param attempt - the late attempt, after the event `late`
   * @param error - the error of the failed attempt, after the event `failure`
   */
  protected carryOut(actions: readonly CallAction[], now: number, attempt?: A, error?: Error): void {
    for (const action of actions) {
      if (this.settled) return;
      switch (action.do) {
        case 'suspect':
          if (attempt !== undefined) this.#markLate(attempt, now);
          break;
        case 'wait':
          if (attempt !== undefined)
            attempt.checkAt = action.recheckMs === undefined ? Infinity : now + action.recheckMs;
          break;
        case 'join':
          this.asyncContext.runInAsyncScope(() => this.#join(now, action.replaces));
          break;
        case 'send':
          this.#sendNext(action.afterMs);
          break;
        case 'settle':
          this.settleWith(action.with, error);
          break;
        case 'defer':
        case 'collect':
        case 'drop':
          // The subclass that received the response has already carried out this action.
          break;
      }
    }
    if (!this.settled) this.arm(now);
  }

  protected settleWith(end: Settlement, error: Error | undefined): void {
    const { retry } = this.failover;
    switch (end) {
      case 'deferred':
        if (!this.settleDeferred()) this.fail(error ?? deadlineError(retry));
        break;
      case 'deadline':
        this.fail(deadlineError(retry));
        break;
      case 'unknown':
        this.fail(outcomeUnknownError(retry));
        break;
      default:
        this.fail(error);
    }
  }

  #facts(now: number): CallFacts {
    const { retry, inFlight } = this.failover;
    const { kind, isReplayable, retries, isUpgrade, deferred, isStreaming, readsWholeBody } = this;
    return {
      ...{ kind, isReplayable, retries, isUpgrade, deferred, isStreaming, readsWholeBody },
      attemptCount: this.attemptCount - retry.moves,
      inFlight: inFlight.map((attempt) => this.factsOf(attempt)),
      execution: retry.execution,
      hasIdempotencyScope: retry.hasIdempotencyScope,
      hasAlternative: this.picker.hasAlternative(retry.constraints, this.#tried()),
      hasBudget: retry.hasBudget(now) || retry.isFreeAfterStart(inFlight),
      leftMs: this.deadlineAt - now,
    };
  }

  #tried(): ReadonlySet<string> {
    const state = this.failover;
    const tried = state.tried();
    const repeatable = state.repeatable();
    if (repeatable !== undefined && !this.picker.hasAlternative(state.retry.constraints, tried))
      tried.delete(repeatable);
    return tried;
  }

  #check(attempt: A, now: number): void {
    const timeoutMs = this.timeoutMs(attempt.candidate, now);
    const { stalls } = this.context.wheel;
    const dueAt = attempt.isLate
      ? now
      : Math.max(attempt.dueAt(timeoutMs, now), stalls.graceUntil(attempt.sentAt, timeoutMs, now));
    if (dueAt > now) {
      attempt.checkAt = attempt.upload?.isComplete === false ? Math.min(dueAt, now + recheckMs) : dueAt;
      return;
    }
    if (attempt.stage === 'waiting' && !this.isQueued(attempt) && this.redial(attempt, now)) return;
    this.carryOut(this.decide({ type: 'late', attempt: this.factsOf(attempt) }, now), now, attempt);
  }

  #isOverdue(attempt: A, now: number): boolean {
    const { candidate, sentAt, stage } = attempt;
    if (stage === 'answered' || this.isQueued(attempt)) return false;
    const timeoutMs = this.timeoutMs(candidate, now);
    return (
      now >= attempt.dueAt(timeoutMs, now) &&
      this.context.wheel.stalls.graceUntil(sentAt, timeoutMs, now) === 0
    );
  }

  #markLate(attempt: A, now: number): void {
    if (attempt.isLate) return;
    attempt.isLate = true;
    this.context.health.attemptLate(attempt.candidate, attempt.sentAt, now);
  }

  #onDeadline(now: number): void {
    const state = this.failover;
    for (const attempt of this.unended()) {
      if (this.#isOverdue(attempt, now)) this.#markLate(attempt, now);
      const error = noResponseError(attempt, this.hasRun, now);
      const verdict = attempt.isLate || attempt.stage === 'answered' ? 'failure' : 'ignored';
      this.stop(attempt, verdict, 'DEADLINE_EXCEEDED', error, now);
    }
    state.inFlight = [];
    if (this.isStreaming) this.fail(deadlineError(state.retry));
    else this.carryOut(this.decide({ type: 'deadline' }, now), now);
  }

  /** Starts one more attempt while the others are in flight. If the resolution has expired, refreshes it first. */
  #join(now: number, replaces: number | undefined): void {
    const state = this.failover;
    const { picker, context } = this;
    if (!picker.isFresh(now) && now - state.refreshedAt > maxRefreshAgeMs) {
      this.#refreshThenRecheck();
      return;
    }
    const candidate = picker.pickAlternative(now, state.retry.constraints, this.#tried());
    if (candidate?.status !== 'open' || !context.health.canDial(candidate, now)) return;
    // While all attempts wait for a free connection, another attempt starts only at an endpoint that has a free
    // connection.
    const isQueueing = state.inFlight.every((attempt) => this.factsOf(attempt).isQueued);
    if (isQueueing && candidate.pending >= context.connections) return;
    const isHedge = !isQueueing && state.inFlight.every(({ isLate }) => !isLate);
    const mayHaveRun =
      state.retry.execution !== 'none' || state.inFlight.some(({ stage }) => stage !== 'waiting');
    const isFreeAfterStart = !isHedge && mayHaveRun && state.retry.isFreeAfterStart(state.inFlight);
    if (isFreeAfterStart) state.retry.takeFreeAfterStart();
    // An attempt uses the retry budget if an earlier request of the call was sent, or if the attempt is a hedge.
    const needsRetry = (mayHaveRun && !isFreeAfterStart) || isHedge;
    if (
      needsRetry &&
      !(isHedge ? context.hedging?.tryReserve(now, this.budget) : state.retry.tryReserve(now))
    )
      return;
    state.hasRepeated ||= state.tried().has(candidate.endpoint.id);
    const replaced = state.inFlight.find(({ number }) => number === replaces);
    if (replaced !== undefined) {
      this.cancelAttempt(replaced, 'ATTEMPT_TIMEOUT', now);
      this.untrack(replaced);
    }
    this.send(candidate, isHedge ? 'hedge' : 'join', now, needsRetry);
  }

  #refreshThenRecheck(): void {
    const state = this.failover;
    if (state.isRefreshing) return;
    state.isRefreshing = true;
    void this.picker.refreshResolution(new Set()).then(() => {
      state.isRefreshing = false;
      if (this.settled) return;
      const now = this.context.clock.now();
      const late = state.inFlight.filter(({ isLate }) => isLate);
      for (const attempt of late) attempt.checkAt = now;
      // If no attempt is late, the refresh was for a hedge, which is due now.
      if (late.length === 0 && state.inFlight.length > 0) state.hedgeAt = now;
      state.refreshedAt = now;
      this.arm(now);
    });
  }

  #sendNext(afterMs: number | undefined): void {
    const state = this.failover;
    state.hedgeAt = Infinity;
    state.retry.retryDelayMs = afterMs;
    this.restartResponse();
    this.asyncContext.runInAsyncScope(() => void this.#findAndSend());
  }

  async #findAndSend(): Promise<void> {
    const { retry } = this.failover;
    try {
      const candidate = await retry.nextCandidate();
      if (this.settled) return;
      reportFailover(this.context, retry, candidate);
      this.send(candidate, 'failover', this.context.clock.now(), retry.takeReservedRetry());
    } catch (error) {
      // No further attempt is possible. The caller receives the deferred response, if any, otherwise the error.
      if (!this.settled && !this.settleDeferred()) this.fail(error);
    }
  }
}
