/**
 * The slow half of an HTTP call: waiting for somebody to call, and whatever comes after a failure. Gives attempts up,
 * tries other addresses and other endpoints, keeps an answer that said "not now" in case nobody does better, and ends the
 * call with one error that tells what it has been through.
 */
import type { ConnectedCandidate } from '../core/candidate.js';
import { ClerkError, isClerkError, type Execution } from '../core/errors.js';
import type { Attempt } from './attempt.js';
import { isBodyError, isReplayable } from './request-body.js';
import {
  wrapCallerError,
  callerErrorCode,
  codeOf,
  evidenceOf,
  hasCode,
  isFailureStatus,
} from './classify-error.js';
import type { HedgingPolicy } from './hedging-policy.js';
import type { DeferredResponseHandler } from './deferred-response-handler.js';
import { resolveThenSend } from './opening.js';
import { DeferredResponses } from './deferred-response.js';
import { HedgedAttempts } from './hedged-attempts.js';
import { isQueued } from './call-context.js';
import { RetryState } from './retry-state.js';
import type { FailoverHost, WholeBodyHandler } from './http-call-port.js';

/** See the file's header. */
export class Rescue {
  readonly #call: FailoverHost;
  readonly #state: RetryState;
  /** The peer has taken back one attempt: it certainly did not run. */
  #wasNotProcessed = false;
  readonly #deferred: DeferredResponses;
  /** A second attempt beside the first, if the service is hedged. */
  #hedged: HedgedAttempts | undefined;
  /** Why the program gave up while it was given an answer that was kept. */
  #cancelReason: Error | undefined;
  /** The loop waits for the current attempt. */
  #pendingAttempt: { resolve(): void; reject(error: unknown): void } | undefined;

  constructor(call: FailoverHost) {
    const { context, kind, constraints, request, deadline, startedAt, deadlineAt } = call;
    this.#call = call;
    this.#state = new RetryState(context, {
      kind,
      constraints,
      isReplayable: isReplayable(request.body),
      allowsRetries: deadline.allowsRetries,
      startedAt,
      deadlineAt,
    });
    this.#deferred = new DeferredResponses(call, this.#state);
  }

  /** Whether the call may have run so far. */
  get execution(): Execution {
    return this.#state.execution;
  }

  /** Nobody can be chosen yet: looks up, starts, waits, and sends the first attempt then. */
  resolveThenSend(): void {
    resolveThenSend(this.#call, this.#state);
  }

  /** The first attempt was sent, and a second one may be asked before it answers. */
  startHedging(hedging: HedgingPolicy, now: number): void {
    this.#hedged = new HedgedAttempts(this.#call, this.#state, hedging);
    this.#hedged.schedule(now);
  }

  /** The head of an answer that the program gets has arrived. */
  settleWinner(attempt: Attempt, now: number): void {
    this.#hedged?.settleWinner(attempt, now);
  }

  /** An attempt has failed. */
  onAttemptFailed(attempt: Attempt, error: Error): void {
    const call = this.#call;
    const { context } = call;
    const now = context.clock.now();
    if (isBodyError(call.request.body, error)) {
      this.#recordAttempt(attempt, 'ignored', error, now);
      this.#hedged?.stop(attempt);
      call.fail(this.#state.requestBodyError(error));
      return;
    }
    // Its endpoint is gone from the registry, and its connections with it: nothing was sent, and nobody is to blame.
    if (attempt.stage === 'waiting' && isClerkError(error) && error.code === 'CLERK_CLOSED') {
      const isOnlyAttempt = this.#hedged?.continueWithout(attempt, now) !== true;
      this.#recordAttempt(attempt, 'ignored', error, now);
      if (isOnlyAttempt) this.#failOver();
      return;
    }
    const callerCode =
      callerErrorCode(error) ?? (attempt.accepted || hasCode(error) ? undefined : 'CONFIG_INVALID');
    if (callerCode !== undefined) {
      this.#recordAttempt(attempt, 'ignored', error, now);
      this.#hedged?.stop(attempt);
      call.fail(wrapCallerError(callerCode, context.name, error, this.#state));
      return;
    }
    // At most once a call: a peer that refuses stream after stream is not believed for ever.
    if (
      attempt.stage === 'sent' &&
      !this.#wasNotProcessed &&
      attempt.channel.wasNotProcessed?.(error) === true
    ) {
      this.#wasNotProcessed = true;
      attempt.stage = 'waiting';
    }
    const { stage } = attempt;
    if (stage === 'waiting' && !this.#wasNotProcessed && attempt.channel.nextAddress(attempt.address)) {
      this.#redial(attempt, now);
      return;
    }
    context.health.attemptFailed(attempt.candidate, evidenceOf(stage), attempt.startedAt, now);
    const isOnlyAttempt = this.#hedged?.continueWithout(attempt, now) !== true;
    this.#recordAttempt(attempt, 'failure', error, now);
    if (!isOnlyAttempt) return;
    // Once the program has the head and part of the body, this is how it learns that the rest is lost.
    if (call.hasDeliveredHeaders && !call.readsWholeBody)
      call.fail(this.#state.truncatedError(codeOf(error), error));
    else this.#failOver();
  }

  /** The limit of the attempt under way, or the call's deadline, has come. */
  expire(now: number): void {
    const call = this.#call;
    const { context } = call;
    if (now >= call.deadlineAt) {
      const { attempt } = call;
      this.#hedged?.stop(attempt);
      // One whose answer is kept aside has answered.
      if (attempt && !attempt.ended && attempt.handler === call)
        this.#timeOutAttempt(attempt, 'DEADLINE_EXCEEDED', now);
      const deferred = this.#deferred.complete;
      if (deferred) this.#deliverDeferred(deferred);
      else call.fail(this.#state.deadlineError());
      return;
    }
    if (this.#hedged?.expire(now, (lateAttempt) => this.#onHedgedTimeout(lateAttempt, now)) === true) return;
    const { attempt } = call;
    if (attempt === undefined || attempt.abandoned || attempt.stage === 'answered') {
      context.wheel.set(call, call.deadlineAt);
      return;
    }
    const graceUntil = context.wheel.stalls.graceUntil(attempt.startedAt, call.histogram.timeoutAt(now), now);
    if (graceUntil > 0) {
      context.wheel.set(call, Math.min(graceUntil, call.deadlineAt));
      return;
    }
    // A call that waits for a free connection is not the endpoint's fault, and would only wait elsewhere.
    const isInQueue = attempt.stage === 'waiting' && isQueued(attempt.candidate, context);
    if (!isInQueue && attempt.stage === 'waiting' && attempt.channel.nextAddress(attempt.address)) {
      attempt.abandon(new Error('The address did not let anybody in'));
      this.#redial(attempt, now);
      return;
    }
    if (isInQueue || !this.#state.canFailOver(attempt.stage, attempt.candidate, now)) {
      context.wheel.set(call, this.#state.recheckAt(attempt.stage, now));
      return;
    }
    this.#timeOutAttempt(attempt, 'ATTEMPT_TIMEOUT', now);
    this.#failOver();
  }

  /** The program gives the call up, perhaps while it is given an answer that was kept. */
  cancel(reason: Error | undefined): void {
    if (this.#call.settled) this.#cancelReason ??= reason ?? this.#state.abortedError(reason);
    else this.#abortCall(reason, () => this.#state.abortedError(reason));
  }

  /** The program's own handler threw: that ends the call, and says nothing of the endpoint. */
  onCallbackError(attempt: Attempt, error: Error): void {
    const call = this.#call;
    if (call.settled) return;
    this.#hedged?.stop(attempt);
    if (!attempt.ended) this.#recordAttempt(attempt, 'ignored', error, call.context.clock.now());
    attempt.abandon(error);
    call.fail(call.hasDeliveredHeaders && !call.readsWholeBody ? error : this.#state.callbackError(error));
  }

  /** The call ends with its clerk. */
  abort(error: Error): void {
    this.#abortCall(error, () => this.#state.withCallDetails(error));
  }

  /** Whether an answer that says "not now" is passed over for another try; then it is kept aside. */
  deferIfRetryable(attempt: Attempt, headers: Buffer[], statusText: string, now: number): boolean {
    const call = this.#call;
    const state = this.#state;
    const { statusCode } = attempt;
    if (call.kind === 'once') return false;
    if (this.#hedged?.continueWithout(attempt, now) === true) {
      state.record(attempt, 'failure', String(statusCode), attempt.latencyMs);
      call.endAttempt(attempt);
      attempt.abandon(new Error('The other attempt is waited for'));
      return true;
    }
    if (!this.#deferred.deferIfRetryable(attempt, headers, statusText, now)) return false;
    this.#failOver();
    return true;
  }

  /** Whether an answer to a call that must run at most once is no answer to the program. */
  handleAtMostOnceStatus(attempt: Attempt, headers: Buffer[], statusText: string, now: number): boolean {
    const classification = this.#deferred.classifyAtMostOnce(attempt, headers, statusText, now);
    if (classification === 'again') this.#failOver();
    else if (classification === 'lost') this.#call.fail(this.#state.outcomeUnknownError());
    return classification !== 'answer';
  }

  /** The handler gets the answer of the attempt under way. */
  onHeadersDelivered(): void {
    const pending = this.#pendingAttempt;
    this.#pendingAttempt = undefined;
    pending?.resolve();
  }

  /** Somebody watches attempts, and this one has succeeded. */
  recordSuccess(attempt: Attempt): void {
    const verdict = isFailureStatus(attempt.statusCode) ? 'failure' : 'success';
    this.#state.record(attempt, verdict, String(attempt.statusCode), attempt.latencyMs);
  }

  /** The call is over. */
  finish(): void {
    this.#hedged?.stop();
    this.#deferred.discard();
    this.#state.finish();
    this.onHeadersDelivered();
  }

  #abortCall(reason: Error | undefined, createError: () => ClerkError): void {
    const call = this.#call;
    const { attempt } = call;
    this.#hedged?.stop(attempt);
    if (attempt && !attempt.ended) this.#recordAttempt(attempt, 'ignored', reason, call.context.clock.now());
    const callError = createError();
    attempt?.abandon(callError);
    // Once the program has the head, its own reason is what its stream ends with.
    call.fail(call.hasDeliveredHeaders && !call.readsWholeBody && reason !== undefined ? reason : callError);
  }

  /** Ends an attempt that has not answered. */
  #timeOutAttempt(attempt: Attempt, code: string, now: number): void {
    const call = this.#call;
    const { context } = call;
    const { stage, candidate, startedAt } = attempt;
    const error = new ClerkError(
      'DEADLINE_EXCEEDED',
      `${candidate.endpoint.id} did not answer within ${String(Math.round(now - startedAt))} ms`,
    );
    const { stalls } = context.wheel;
    // A deadline that this process slept through says nothing of the endpoint.
    const isOwnStall =
      stage !== 'answered' && stalls.graceUntil(startedAt, call.histogram.timeoutAt(now), now) > 0;
    if (stage !== 'answered' && !isOwnStall) {
      call.histogram.record(now - startedAt - stalls.stalledMsSince(startedAt), now);
      const isDialing = stage === 'waiting' && !isQueued(attempt.candidate, context);
      context.health.attemptFailed(candidate, isDialing ? 'connect-timeout' : 'timeout', startedAt, now);
    }
    this.#state.record(attempt, isOwnStall ? 'ignored' : 'failure', code, now - startedAt, error);
    call.endAttempt(attempt);
    attempt.abandon(error);
  }

  /** One of two attempts is late: it goes on at its next address, or the other one goes on alone. */
  #onHedgedTimeout(attempt: Attempt, now: number): void {
    const isUnsent = attempt.stage === 'waiting';
    if (isUnsent && isQueued(attempt.candidate, this.#call.context)) {
      this.#hedged?.drop(attempt);
    } else if (isUnsent && attempt.channel.nextAddress(attempt.address)) {
      attempt.abandon(new Error('The address did not let anybody in'));
      this.#redial(attempt, now);
    } else {
      this.#hedged?.continueWithout(attempt, now);
      this.#timeOutAttempt(attempt, 'ATTEMPT_TIMEOUT', now);
    }
  }

  /** The same attempt once more, at the channel's next address. */
  #redial(attempt: Attempt, now: number): void {
    const call = this.#call;
    const next = attempt.redial(now);
    if (this.#hedged?.replace(attempt, next) !== true) call.attempt = next;
    call.context.wheel.set(call, Math.min(now + call.histogram.timeoutAt(now), call.deadlineAt));
    this.#hedged?.rearm(now);
    next.channel.dispatch(call.buildRequest(next, now), next, call.kind === 'once');
    next.accepted = true;
  }

  /** An attempt has failed and is noted: the first time this enters the loop, later it reports to it. */
  #failOver(): void {
    const call = this.#call;
    call.hasDeliveredHeaders = false;
    if (call.readsWholeBody) (call.handler as WholeBodyHandler).restart();
    const pending = this.#pendingAttempt;
    this.#pendingAttempt = undefined;
    if (pending) pending.reject(undefined);
    else call.asyncContext.runInAsyncScope(() => void this.#runFailoverLoop());
  }

  async #runFailoverLoop(): Promise<void> {
    const call = this.#call;
    const { context } = call;
    const state = this.#state;
    let candidate: ConnectedCandidate | undefined;
    try {
      await context.retry(
        // The first attempt is the one that has just failed on the warm path.
        (number) =>
          number === 1
            ? Promise.reject(new Error('The first attempt failed'))
            : new Promise<void>((resolve, reject) => {
                this.#pendingAttempt = { resolve, reject };
                this.#reportFailover(candidate as ConnectedCandidate);
                // Whoever watches, or this loop's own steps, may have let the program end the call.
                if (call.settled) resolve();
                else
                  call.send(
                    candidate as ConnectedCandidate,
                    'failover',
                    context.clock.now(),
                    state.takeReservedRetry(),
                  );
              }),
        async () => {
          state.assertActive();
          context.wheel.set(call, call.deadlineAt);
          candidate = await state.nextCandidate();
          state.assertActive();
        },
      );
    } catch (error) {
      // Nobody did better than an answer that was passed over, if there was one.
      const deferred = await this.#deferred.whenComplete();
      if (deferred) this.#deliverDeferred(deferred);
      else call.fail(error as Error);
    }
  }

  #reportFailover(to: ConnectedCandidate): void {
    const { name, reporter } = this.#call.context;
    const outcome = this.#state.outcomes.at(-1);
    if (outcome && reporter.hasListeners('failover'))
      reporter.emit('failover', { name, from: outcome.endpoint, to: to.endpoint.id, outcome });
  }

  /** Nobody did better than an answer that was passed over: the program gets that. */
  #deliverDeferred({ attempt, response }: DeferredResponseHandler): void {
    const call = this.#call;
    if (call.settled) return;
    call.attempt = attempt;
    // Part of another answer may have come.
    if (call.readsWholeBody) (call.handler as WholeBodyHandler).restart();
    call.finish();
    response.deliver(call.handler, () => this.#cancelReason);
  }

  #recordAttempt(attempt: Attempt, verdict: 'failure' | 'ignored', error: unknown, now: number): void {
    const code = error === undefined ? 'ABORTED' : codeOf(error);
    this.#state.record(attempt, verdict, code, now - attempt.startedAt, error);
    this.#call.endAttempt(attempt);
  }
}
