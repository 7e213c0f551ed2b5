import type { AsyncResource } from 'node:async_hooks';
import type { ConnectedCandidate } from '../core/candidate.js';
import { ClerkError } from '../core/errors.js';
import type { CallKind } from '../core/idempotency.js';
import type { Verdict } from '../core/outcome.js';
import type { AttemptRecord } from './attempt-log.js';
import type { AttemptTimeout } from './attempt-timeout.js';
import type { CallContext } from './call-context.js';
import { effectiveTimeoutMs, type CallDeadline } from './call-deadline.js';
import {
  decide,
  type AttemptFacts,
  type CallAction,
  type CallEvent,
  type CallFacts,
  type Settlement,
} from './call-decision.js';
import { abortedError, deadlineError, outcomeUnknownError, withCallDetails } from './call-errors.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import type { HedgingPolicy } from './hedging-policy.js';
import type { RetryBudget } from './retry-budget.js';
import { RetryState, type RetriedCall } from './retry-state.js';
import type { RetryConfig, RetrySettings } from './retry-settings.js';
import type { TimerEntry } from './timer-wheel.js';

/** An attempt in flight, as {@link FailoverCall} sees it. */
export interface CallAttempt extends AttemptRecord {
  readonly startedAt: number;
  /** When the attempt timeout began: at the last byte of the request, before that at the start of the attempt. */
  sentAt: number;
  /** When the call looks at the attempt again; `Infinity` if only the deadline of the call limits the attempt. */
  checkAt: number;
  /** Whether the request body is still being written. */
  readonly isUploading: boolean;
  /** Whether the attempt has passed its attempt timeout. */
  isLate: boolean;
  /** Whether health was told, or will be told, that the attempt has ended. */
  ended: boolean;
  /** Whether the outcome of the attempt was recorded. */
  isRecorded: boolean;
  /** Whether a retry of the budget is reserved for the attempt and not spent yet. */
  hasReservedRetry: boolean;
}

/** Parameters that all calls share. */
export interface CallParameters {
  readonly kind: CallKind;
  readonly constraints: PickConstraints;
  readonly deadline: CallDeadline;
}

/** What a call needs only after its first attempt failed, timed out or could not be sent at once. */
class FailoverState<A> {
  /** Attempts without an accepted or deferred response, oldest first. */
  inFlight: A[];
  /** When the hedging policy starts a second attempt; `Infinity` if it does not. */
  hedgeAt = Infinity;
  isRefreshing = false;
  /** Whether a late attempt was joined by another one at the same endpoint. */
  hasRepeated = false;

  constructor(
    readonly retry: RetryState,
    attempt: A | undefined,
  ) {
    this.inFlight = attempt === undefined ? [] : [attempt];
  }
}

/** A trial is joined after this time, in ms, so that it delays its caller by no more than that. */
const trialTimeoutMs = 20;
const noneTried: ReadonlySet<string> = new Set();
/** Interval at which a call looks again at an attempt that is queued or still uploading, in ms. */
const recheckMs = 100;

/**
 * A call that may make several attempts, one after the other or up to three at a time. The one owner of all effects of
 * the call; {@link decide} decides what the effects are.
 *
 * A late attempt goes on while a second attempt at another endpoint joins it. The first acceptable response wins, and
 * only then are the other attempts cancelled.
 */
export abstract class FailoverCall<A extends CallAttempt> implements TimerEntry, RetriedCall {
  expiresAt = 0;
  previous: TimerEntry | undefined = undefined;
  next: TimerEntry | undefined = undefined;
  /** Number of attempts started so far. */
  attemptCount = 0;
  /**
   * Whether the call has ended: the caller has received its whole response or an error, or is about to receive one of
   * the two.
   */
  settled = false;
  readonly startedAt: number;
  deadlineAt: number;
  /** Settings as known now: a lookup may return a service config that changes them. */
  protected config: RetryConfig;
  /** The newest attempt, later the attempt whose response goes to the caller; undefined before the first attempt. */
  protected attempt: A | undefined = undefined;
  #failover: FailoverState<A> | undefined = undefined;

  constructor(
    readonly context: CallContext,
    readonly picker: EndpointPicker,
    readonly kind: CallKind,
    readonly constraints: PickConstraints,
    readonly deadline: CallDeadline,
    readonly asyncContext: AsyncResource,
  ) {
    this.startedAt = context.clock.now();
    this.config = context.retryConfig(deadline.overrides);
    // Rounded to an integer, since V8 allocates fractional numbers on the heap. Rounded down, since a deadline must not
    // grow when one service passes the deadline on to the next.
    this.deadlineAt = Math.floor(this.startedAt + effectiveTimeoutMs(deadline, context.serviceTimeoutMs));
  }

  abstract readonly isReplayable: boolean;
  protected abstract readonly attemptTimeout: AttemptTimeout;
  protected abstract readonly isUpgrade: boolean;
  /** Whether the caller has received headers that no other response can replace. */
  protected abstract readonly isStreaming: boolean;
  protected abstract readonly deferred: CallFacts['deferred'];
  /**
   * Starts an attempt and adds it to the attempts in flight. Starts none if the call is settled: a policy or a listener,
   * both application code, may have aborted the call just before.
   */
  protected abstract send(
    candidate: ConnectedCandidate,
    pickReason: string,
    now: number,
    hasReservedRetry: boolean,
  ): void;
  /** Ends the attempt without any further event. */
  protected abstract abandon(attempt: A, reason: unknown): void;
  /** Switches an unsent attempt to the next address of its endpoint, if there is one. */
  protected abstract redial(attempt: A, now: number): boolean;
  /** Passes the error of the call to the caller. */
  protected abstract reportError(error: unknown): void;
  /** Ends the call with its deferred response or error. Returns false if there is none that can be delivered. */
  protected abstract settleDeferred(): boolean;
  /** Called before the next attempt starts although an earlier response was delivered in part. */
  protected restartResponse(): void {}
  /** Called once, when the call is settled. */
  protected onSettled(): void {}

  get retries(): RetrySettings | undefined {
    return this.deadline.allowsRetries ? this.config.retries : undefined;
  }

  get budget(): RetryBudget {
    return this.config.budget;
  }

  get isNestedRetry(): boolean {
    return !this.deadline.allowsRetries;
  }

  /** Called by the timer wheel when an attempt must be looked at, or when the deadline has passed. */
  expire(now: number): void {
    if (this.settled) return;
    const state = this.failover;
    if (now >= this.deadlineAt) {
      this.#onDeadline(now);
      return;
    }
    if (now >= state.hedgeAt) {
      state.hedgeAt = Infinity;
      this.carryOut(this.decide({ type: 'hedge-due' }, now), now);
    }
    for (const attempt of [...state.inFlight])
      if (!attempt.ended && now >= attempt.checkAt) this.#check(attempt, now);
    this.arm(now);
  }

  /** Called when the clerk is destroyed. */
  abort(error: Error): void {
    if (!this.settled) this.endEarly(error, () => withCallDetails(this.failover.retry, error));
  }

  /** State that is needed only off the fast path. */
  protected get failover(): FailoverState<A> {
    if (this.#failover === undefined) {
      const { attempt } = this;
      const isInFlight = attempt !== undefined && !attempt.ended && attempt.stage !== 'answered';
      this.#failover = new FailoverState(
        new RetryState(this.context, this.picker, this),
        isInFlight ? attempt : undefined,
      );
    }
    return this.#failover;
  }

  protected get hasFailover(): boolean {
    return this.#failover !== undefined;
  }

  /** Attempts in flight beside the first; cheap while there is only one. */
  protected get isRacing(): boolean {
    return this.#failover !== undefined && this.#failover.inFlight.length > 1;
  }

  /** The attempt timeout of an attempt that starts now, in ms. */
  protected timeoutMs(candidate: ConnectedCandidate, now: number): number {
    const ms = this.attemptTimeout.timeoutMs(
      now,
      this.config.attemptTimeout,
      this.deadlineAt - this.startedAt,
    );
    return candidate.isTrial && ms > trialTimeoutMs ? trialTimeoutMs : ms;
  }

  /** Makes `attempt` the newest attempt in flight. */
  protected track(attempt: A): void {
    this.attempt = attempt;
    this.#failover?.inFlight.push(attempt);
  }

  /** Puts `replacement`, a redialed copy, in the place of `attempt`. */
  protected replace(attempt: A, replacement: A): void {
    if (this.attempt === attempt) this.attempt = replacement;
    const { inFlight } = this.failover;
    const index = inFlight.indexOf(attempt);
    if (index >= 0) inFlight[index] = replacement;
  }

  /** Removes an attempt whose response was received, or which has failed, from the attempts in flight. */
  protected untrack(attempt: A): void {
    const state = this.#failover;
    if (state !== undefined) state.inFlight = state.inFlight.filter((other) => other !== attempt);
  }

  /** Looks the service up, starts it or waits, as needed. Returns undefined if the call was settled meanwhile. */
  protected async prepareEndpoint(): Promise<ConnectedCandidate | undefined> {
    const { context, picker, constraints } = this;
    for (;;) {
      await picker.prepare(constraints, () => this.#updateDeadline());
      if (this.settled) return undefined;
      const now = context.clock.now();
      const { retry } = this.failover;
      if (retry.isTooLate(now)) throw deadlineError(retry);
      const candidate = picker.pick(now, constraints);
      if (candidate !== undefined) return candidate;
    }
  }

  /** Picks an ejected endpoint that gets this call as its probe, if an attempt at another endpoint can join the attempt. */
  protected pickTrial(now: number): ConnectedCandidate | undefined {
    const { kind, constraints, picker } = this;
    if (kind === 'once' || !this.isReplayable || this.isUpgrade || this.retries === undefined)
      return undefined;
    const canBeJoined =
      this.deadlineAt - now > 2 * trialTimeoutMs &&
      this.budget.available(now) > 1 &&
      picker.hasAlternative(constraints, noneTried);
    return canBeJoined ? picker.pickTrial(now, constraints) : undefined;
  }

  /** Plans a second attempt for the case that the first attempt is slow to respond. */
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
    this.arm(now);
  }

  protected decide(event: CallEvent, now: number): readonly CallAction[] {
    return decide(this.#facts(now), event);
  }

  protected factsOf(attempt: A): AttemptFacts {
    const { number, stage, isLate } = attempt;
    return { number, stage, isLate, isQueued: this.isQueued(attempt) };
  }

  /** Whether an attempt waits because all connections are in use, and not because its own connection is slow. */
  protected isQueued({ stage, candidate }: A): boolean {
    return stage === 'waiting' && candidate.pending > this.context.connections;
  }

  /**
   * Carries out the actions of a decision.
   *
   * @param attempt - the attempt that the event is about; undefined if the event is about none
   * @param error - the error of the attempt
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
          this.#sendNext(now, action.afterMs);
          break;
        case 'settle':
          this.settleWith(action.with, error);
          break;
        case 'defer':
        case 'drop':
          // Carried out by the owner of the response, before the other actions.
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

  /** Makes `winner` the attempt whose response goes to the caller, and cancels all others. */
  protected accept(winner: A, now: number): void {
    this.attempt = winner;
    const state = this.#failover;
    if (state === undefined) return;
    state.hedgeAt = Infinity;
    for (const loser of state.inFlight) {
      if (loser === winner) continue;
      // The latency of the loser would have been at least the time since its start.
      if (loser.stage !== 'waiting')
        this.context.health.hedgeLost(
          loser.candidate,
          now - loser.startedAt,
          now,
          this.attemptTimeout.medianMs,
        );
      this.#cancelAttempt(loser, 'SUPERSEDED', now);
    }
    state.inFlight = [];
  }

  /** Reports the end of an attempt to health and refunds a reserved retry that was not spent. */
  protected endAttempt(attempt: A): void {
    if (attempt.ended) return;
    attempt.ended = true;
    if (attempt.hasReservedRetry) this.budget.refund();
    attempt.hasReservedRetry = false;
    this.context.health.attemptEnded(attempt.candidate, attempt.stage === 'answered');
  }

  /** Records the outcome of an attempt, once. */
  protected record(attempt: A, verdict: Verdict, code: string, durationMs: number, error?: unknown): void {
    if (attempt.isRecorded) return;
    attempt.isRecorded = true;
    this.failover.retry.record(attempt, verdict, code, durationMs, error);
  }

  /** Ends the call with an error. */
  protected fail(error: unknown): void {
    if (this.settled) return;
    this.finish();
    this.reportError(error);
  }

  /** Ends the call because the caller or the clerk has aborted it. */
  protected endEarly(reason: unknown, createError: () => ClerkError): void {
    const now = this.context.clock.now();
    for (const attempt of this.#unended()) this.#stop(attempt, 'ignored', 'ABORTED', reason, now);
    // A caller that already has the headers receives the reason as the error of the body stream.
    this.fail(this.isStreaming && reason !== undefined ? reason : createError());
  }

  protected abortedError(reason: unknown): ClerkError {
    return abortedError(this.failover.retry, reason);
  }

  /** Ends the call without a word to the caller, who receives the response or the error from the caller of this method. */
  protected finish(): void {
    this.settled = true;
    const { context } = this;
    context.wheel.clear(this);
    const state = this.#failover;
    if (state !== undefined) {
      const now = context.clock.now();
      for (const attempt of state.inFlight) this.#cancelAttempt(attempt, 'ABORTED', now);
      state.inFlight = [];
      state.retry.finish();
    }
    this.onSettled();
    context.finishCall();
  }

  /** Sets the timer of the call to the earliest of the deadline, the hedge and the checks of the attempts in flight. */
  protected arm(now: number): void {
    if (this.settled || this.isStreaming) return;
    const state = this.#failover;
    let at = this.deadlineAt;
    if (state !== undefined) {
      at = Math.min(at, state.hedgeAt);
      for (const { checkAt } of state.inFlight) at = Math.min(at, Math.max(checkAt, now));
    }
    this.context.wheel.set(this, at);
  }

  #facts(now: number): CallFacts {
    const { retry, inFlight } = this.failover;
    const { kind, isReplayable, retries, isUpgrade, attemptCount, deferred, isStreaming } = this;
    return {
      ...{ kind, isReplayable, retries, isUpgrade, attemptCount, deferred, isStreaming },
      inFlight: inFlight.map((attempt) => this.factsOf(attempt)),
      execution: retry.execution,
      hasIdempotencyScope: retry.hasIdempotencyScope,
      hasAlternative:
        this.picker.hasAlternative(this.constraints, this.#tried()) || this.#repeatable() !== undefined,
      hasBudget: retry.hasBudget(now),
      leftMs: this.deadlineAt - now,
    };
  }

  /**
   * The endpoint of a late attempt at which one more attempt may be made, since every other endpoint has failed. The
   * connection of the late attempt may be broken.
   */
  #repeatable(): ConnectedCandidate | undefined {
    const { inFlight, retry, hasRepeated } = this.failover;
    const [only] = inFlight;
    const isAlone = inFlight.length === 1 && retry.outcomes.length > 0 && !hasRepeated;
    return isAlone && only?.isLate === true && only.stage === 'sent' ? only.candidate : undefined;
  }

  /** Ids of the endpoints at which an attempt was made. */
  #tried(): ReadonlySet<string> {
    const { retry, inFlight } = this.failover;
    const tried = new Set(retry.tried);
    for (const { candidate } of inFlight) tried.add(candidate.endpoint.id);
    return tried;
  }

  /** The attempts in flight, and the attempt whose response is being delivered. */
  #unended(): readonly A[] {
    const { attempt } = this;
    const { inFlight } = this.failover;
    return attempt === undefined || attempt.ended || inFlight.includes(attempt)
      ? inFlight
      : [...inFlight, attempt];
  }

  #check(attempt: A, now: number): void {
    const timeoutMs = this.timeoutMs(attempt.candidate, now);
    const { stalls } = this.context.wheel;
    const dueAt = attempt.isLate
      ? now
      : Math.max(
          Math.ceil(attempt.sentAt + timeoutMs),
          stalls.graceUntil(attempt.sentAt, timeoutMs, now),
          attempt.isUploading ? now + recheckMs : 0,
        );
    if (dueAt > now) {
      attempt.checkAt = dueAt;
      return;
    }
    if (attempt.stage === 'waiting' && !this.isQueued(attempt) && this.redial(attempt, now)) return;
    this.carryOut(this.decide({ type: 'late', attempt: this.factsOf(attempt) }, now), now, attempt);
  }

  /** Whether an attempt has passed its attempt timeout. A stall of this process extends the attempt timeout. */
  #isOverdue(attempt: A, now: number): boolean {
    const { candidate, sentAt, stage, isUploading } = attempt;
    if (stage === 'answered' || isUploading || this.isQueued(attempt)) return false;
    const timeoutMs = this.timeoutMs(candidate, now);
    return now >= sentAt + timeoutMs && this.context.wheel.stalls.graceUntil(sentAt, timeoutMs, now) === 0;
  }

  #markLate(attempt: A, now: number): void {
    if (attempt.isLate) return;
    attempt.isLate = true;
    this.context.health.attemptLate(attempt.candidate, attempt.sentAt, now);
  }

  #onDeadline(now: number): void {
    const state = this.failover;
    for (const attempt of this.#unended()) {
      if (this.#isOverdue(attempt, now)) this.#markLate(attempt, now);
      const error = noResponseError(attempt, now);
      const verdict = attempt.isLate || attempt.stage === 'answered' ? 'failure' : 'ignored';
      this.#stop(attempt, verdict, 'DEADLINE_EXCEEDED', error, now);
    }
    state.inFlight = [];
    this.carryOut(this.decide({ type: 'deadline' }, now), now);
  }

  /** Starts one more attempt beside those in flight. If the resolution has expired, refreshes it first. */
  #join(now: number, replaces: number | undefined): void {
    const state = this.failover;
    const { picker, context, constraints } = this;
    if (!picker.isFresh(now)) {
      this.#refreshThenRecheck();
      return;
    }
    const tried = this.#tried();
    const candidate = picker.hasAlternative(constraints, tried)
      ? picker.pickAlternative(now, constraints, tried)
      : this.#repeatable();
    if (candidate?.status !== 'open' || !context.health.canDial(candidate, now)) return;
    // An attempt that waits for a free connection is joined only where no other call waits.
    const isQueueing = state.inFlight.every((attempt) => this.factsOf(attempt).isQueued);
    if (isQueueing && candidate.pending >= context.connections) return;
    const isHedge = !isQueueing && state.inFlight.every(({ isLate }) => !isLate);
    // An attempt beside unsent attempts reserves no retry. Whichever request is written second does so at that time.
    const needsRetry = state.inFlight.some(({ stage }) => stage !== 'waiting') || isHedge;
    if (needsRetry && !(isHedge ? context.hedging?.tryReserve(now) : state.retry.tryReserve(now))) return;
    state.hasRepeated ||= tried.has(candidate.endpoint.id);
    const replaced = state.inFlight.find(({ number }) => number === replaces);
    if (replaced !== undefined) {
      this.#cancelAttempt(replaced, 'ATTEMPT_TIMEOUT', now);
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
      for (const attempt of state.inFlight) if (attempt.isLate) attempt.checkAt = now;
      this.arm(now);
    });
  }

  /** Ends what is left of the attempts in flight, none of which was sent, and starts the next attempt. */
  #sendNext(now: number, afterMs: number | undefined): void {
    const state = this.failover;
    for (const attempt of state.inFlight) {
      this.#stop(attempt, 'failure', 'ATTEMPT_TIMEOUT', noResponseError(attempt, now), now);
    }
    state.inFlight = [];
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
      this.#reportFailover(candidate);
      this.send(candidate, 'failover', this.context.clock.now(), retry.takeReservedRetry());
    } catch (error) {
      // No attempt got a better response than the deferred response, so that one is delivered.
      if (!this.settled && !this.settleDeferred()) this.fail(error);
    }
  }

  #reportFailover(to: ConnectedCandidate): void {
    const { name, reporter } = this.context;
    const outcome = this.failover.retry.outcomes.at(-1);
    if (outcome && reporter.hasListeners('failover'))
      reporter.emit('failover', { name, from: outcome.endpoint, to: to.endpoint.id, outcome });
  }

  #cancelAttempt(attempt: A, code: string, now: number): void {
    const { id } = attempt.candidate.endpoint;
    const error = new ClerkError('ABORTED', `The attempt at endpoint ${id} was cancelled`);
    this.#stop(attempt, 'ignored', code, error, now);
  }

  #stop(attempt: A, verdict: Verdict, code: string, reason: unknown, now: number): void {
    this.record(attempt, verdict, code, now - attempt.startedAt, reason);
    this.endAttempt(attempt);
    this.abandon(attempt, reason);
  }

  #updateDeadline(): void {
    if (this.settled) return;
    const { deadline, context } = this;
    this.config = context.retryConfig(deadline.overrides);
    this.deadlineAt = Math.floor(this.startedAt + effectiveTimeoutMs(deadline, context.serviceTimeoutMs));
    context.wheel.set(this, this.deadlineAt);
  }
}

function noResponseError({ candidate, startedAt }: CallAttempt, now: number): ClerkError {
  return new ClerkError(
    'DEADLINE_EXCEEDED',
    `Endpoint ${candidate.endpoint.id} did not respond within ${String(Math.round(now - startedAt))} ms`,
  );
}
