import type { ConnectedCandidate } from '../core/candidate.js';
import { ClerkError, isClerkError, type Execution } from '../core/errors.js';
import type { Attempt } from './attempt.js';
import { isQueued } from './call-context.js';
import {
  abortedError,
  callbackError,
  deadlineError,
  outcomeUnknownError,
  requestBodyError,
  truncatedError,
  withCallDetails,
} from './call-errors.js';
import {
  callerErrorCode,
  codeOf,
  evidenceOf,
  hasCode,
  isFailureStatus,
  wrapCallerError,
} from './classify-error.js';
import { DeferredResponses, type DeferredResponseHandler } from './deferred-response.js';
import { HedgedAttempts } from './hedged-attempts.js';
import type { HedgingPolicy } from './hedging-policy.js';
import type { FailoverHost, WholeBodyHandler } from './http-call-port.js';
import { isBodyError, isReplayable } from './request-body.js';
import { resolveThenSend } from './resolve-then-send.js';
import { RetryState } from './retry-state.js';

/**
 * The slow path of an HTTP call: waits for an endpoint and handles failures and timeouts.
 *
 * Abandons attempts, redials other addresses and fails over to other endpoints. Defers a retryable response (429, 502,
 * 503, 504) and delivers that response if no other endpoint gives a better one. If the call fails, ends the call with
 * one error that lists the outcomes of all attempts.
 */
export class Failover {
  readonly #call: FailoverHost;
  readonly #state: RetryState;
  /** Whether the peer has rejected an attempt as not processed (HTTP/2 REFUSED_STREAM). */
  #wasNotProcessed = false;
  readonly #deferred: DeferredResponses;
  /** The hedged attempts; undefined when calls to the service are not hedged. */
  #hedged: HedgedAttempts | undefined;
  /** Reason of the caller to abort during the delivery of a deferred response. */
  #cancelReason: Error | undefined;
  /** Settles the current iteration of the retry loop. */
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

  /** Whether any attempt so far may have been executed. */
  get execution(): Execution {
    return this.#state.execution;
  }

  /** Looks the service up, starts the service or waits, where needed. Then sends the first attempt. */
  resolveThenSend(): void {
    resolveThenSend(this.#call, this.#state);
  }

  /** Called when the first attempt was sent. Sends a second attempt if the first attempt is slow to respond. */
  startHedging(hedging: HedgingPolicy, now: number): void {
    this.#hedged = new HedgedAttempts(this.#call, this.#state, hedging);
    this.#hedged.schedule(now);
  }

  /** Called with the attempt whose response headers go to the caller. Cancels the other hedged attempt. */
  settleWinner(attempt: Attempt, now: number): void {
    this.#hedged?.settleWinner(attempt, now);
  }

  /** Handles a failed attempt: redials another address, fails over to another endpoint, or ends the call. */
  onAttemptFailed(attempt: Attempt, error: Error): void {
    const call = this.#call;
    const { context } = call;
    const now = context.clock.now();
    if (isBodyError(call.request.body, error)) {
      this.#recordAttempt(attempt, 'ignored', error, now);
      this.#hedged?.stop(attempt);
      call.fail(requestBodyError(this.#state, error));
      return;
    }
    // The endpoint was removed from the registry and its channel was closed before the request was sent. That is no
    // failure of the endpoint.
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
    // A call trusts one REFUSED_STREAM only. Otherwise a peer that refuses every stream would cause free retries
    // without end.
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
    // The caller already has the headers, so the call cannot be retried, and the truncated body is reported.
    if (call.hasDeliveredHeaders && !call.readsWholeBody)
      call.fail(truncatedError(this.#state, codeOf(error), error));
    else this.#failOver();
  }

  /** Handles the timeout of the attempt in flight, or the deadline of the call. */
  expire(now: number): void {
    const call = this.#call;
    const { context } = call;
    if (now >= call.deadlineAt) {
      const { attempt } = call;
      this.#hedged?.stop(attempt);
      // An attempt whose response is deferred has responded: it did not time out.
      if (attempt && !attempt.ended && attempt.handler === call)
        this.#timeOutAttempt(attempt, 'DEADLINE_EXCEEDED', now);
      const deferred = this.#deferred.complete;
      if (deferred) this.#deliverDeferred(deferred);
      else call.fail(deadlineError(this.#state));
      return;
    }
    if (this.#hedged?.expire(now, (lateAttempt) => this.#onHedgedTimeout(lateAttempt, now)) === true) return;
    const { attempt } = call;
    if (attempt === undefined || attempt.abandoned || attempt.stage === 'answered') {
      context.wheel.set(call, call.deadlineAt);
      return;
    }
    const graceUntil = context.wheel.stalls.graceUntil(
      attempt.startedAt,
      call.attemptTimeout.timeoutAt(now),
      now,
    );
    if (graceUntil > 0) {
      context.wheel.set(call, Math.min(graceUntil, call.deadlineAt));
      return;
    }
    // Waiting for a free connection is not a failure of the endpoint, and another endpoint would have a queue too.
    const isInQueue = attempt.stage === 'waiting' && isQueued(attempt.candidate, context);
    if (!isInQueue && attempt.stage === 'waiting' && attempt.channel.nextAddress(attempt.address)) {
      attempt.abandon(new Error('No connection to this address within the attempt timeout'));
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

  /** Aborts the call for the caller. If a deferred response is being delivered, ends the delivery. */
  cancel(reason: Error | undefined): void {
    if (this.#call.settled) this.#cancelReason ??= reason ?? abortedError(this.#state, reason);
    else this.#abortCall(reason, () => abortedError(this.#state, reason));
  }

  /** Ends the call because a callback of the caller's handler threw. The error does not count against the endpoint. */
  onCallbackError(attempt: Attempt, error: Error): void {
    const call = this.#call;
    if (call.settled) return;
    this.#hedged?.stop(attempt);
    if (!attempt.ended) this.#recordAttempt(attempt, 'ignored', error, call.context.clock.now());
    attempt.abandon(error);
    call.fail(call.hasDeliveredHeaders && !call.readsWholeBody ? error : callbackError(this.#state, error));
  }

  /** Ends the call because the clerk is destroyed. */
  abort(error: Error): void {
    this.#abortCall(error, () => withCallDetails(this.#state, error));
  }

  /**
   * Defers a retryable response and fails over.
   *
   * @returns false when the response goes to the caller
   */
  deferIfRetryable(attempt: Attempt, headers: Buffer[], statusText: string, now: number): boolean {
    const call = this.#call;
    const state = this.#state;
    const { statusCode } = attempt;
    if (call.kind === 'once') return false;
    if (this.#hedged?.continueWithout(attempt, now) === true) {
      state.record(attempt, 'failure', String(statusCode), attempt.latencyMs);
      call.endAttempt(attempt);
      attempt.abandon(new Error('The response was dropped: another attempt is in flight'));
      return true;
    }
    if (!this.#deferred.deferIfRetryable(attempt, headers, statusText, now)) return false;
    this.#failOver();
    return true;
  }

  /**
   * Handles a response with status ≥ 400 to a 'once' call.
   *
   * @returns false when the response goes to the caller
   */
  handleAtMostOnceStatus(attempt: Attempt, headers: Buffer[], statusText: string, now: number): boolean {
    const classification = this.#deferred.classifyAtMostOnce(attempt, headers, statusText, now);
    if (classification === 'retry') this.#failOver();
    else if (classification === 'unknown') this.#call.fail(outcomeUnknownError(this.#state));
    return classification !== 'deliver';
  }

  /** Ends the retry loop, because the headers of the attempt in flight go to the caller. */
  onHeadersDelivered(): void {
    const pending = this.#pendingAttempt;
    this.#pendingAttempt = undefined;
    pending?.resolve();
  }

  /**
   * Records and emits the outcome of an attempt whose response is complete. Called only if `attempt` events have
   * listeners.
   */
  recordSuccess(attempt: Attempt): void {
    const verdict = isFailureStatus(attempt.statusCode) ? 'failure' : 'success';
    this.#state.record(attempt, verdict, String(attempt.statusCode), attempt.latencyMs);
  }

  /** Releases everything the call holds. Called once, when the call is settled. */
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
    // For a caller that already has the headers, the error of the body stream is the caller's own abort reason.
    call.fail(call.hasDeliveredHeaders && !call.readsWholeBody && reason !== undefined ? reason : callError);
  }

  /** Ends an attempt that did not respond in time. */
  #timeOutAttempt(attempt: Attempt, code: string, now: number): void {
    const call = this.#call;
    const { context } = call;
    const { stage, candidate, startedAt } = attempt;
    const error = new ClerkError(
      'DEADLINE_EXCEEDED',
      `Endpoint ${candidate.endpoint.id} did not respond within ${String(Math.round(now - startedAt))} ms`,
    );
    const { stalls } = context.wheel;
    // A timeout caused by a stall of this process does not count against the endpoint.
    const isOwnStall =
      stage !== 'answered' && stalls.graceUntil(startedAt, call.attemptTimeout.timeoutAt(now), now) > 0;
    if (stage !== 'answered' && !isOwnStall) {
      call.attemptTimeout.record(now - startedAt - stalls.stalledMsSince(startedAt), now);
      const isDialing = stage === 'waiting' && !isQueued(attempt.candidate, context);
      context.health.attemptFailed(candidate, isDialing ? 'connect-timeout' : 'timeout', startedAt, now);
    }
    this.#state.record(attempt, isOwnStall ? 'ignored' : 'failure', code, now - startedAt, error);
    call.endAttempt(attempt);
    attempt.abandon(error);
  }

  /**
   * Handles the timeout of one of two attempts. Redials that attempt at its next address, or continues with the other
   * attempt alone.
   */
  #onHedgedTimeout(attempt: Attempt, now: number): void {
    const isUnsent = attempt.stage === 'waiting';
    if (isUnsent && isQueued(attempt.candidate, this.#call.context)) {
      this.#hedged?.drop(attempt);
    } else if (isUnsent && attempt.channel.nextAddress(attempt.address)) {
      attempt.abandon(new Error('No connection to this address within the attempt timeout'));
      this.#redial(attempt, now);
    } else {
      this.#hedged?.continueWithout(attempt, now);
      this.#timeOutAttempt(attempt, 'ATTEMPT_TIMEOUT', now);
    }
  }

  /**
   * Sends the request of an attempt to the next address of the attempt's channel. The attempt number stays the same.
   */
  #redial(attempt: Attempt, now: number): void {
    const call = this.#call;
    const next = attempt.redial(now);
    if (this.#hedged?.replace(attempt, next) !== true) call.attempt = next;
    call.context.wheel.set(call, Math.min(now + call.attemptTimeout.timeoutAt(now), call.deadlineAt));
    this.#hedged?.rearm(now);
    next.channel.dispatch(call.buildRequest(next, now), next, call.kind === 'once');
    next.accepted = true;
  }

  /**
   * Continues after a failed attempt was recorded. Starts the retry loop, or rejects its current iteration if the loop
   * is running.
   */
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
        // The first attempt already failed on the fast path.
        (number) =>
          number === 1
            ? Promise.reject(new Error('The first attempt failed'))
            : new Promise<void>((resolve, reject) => {
                this.#pendingAttempt = { resolve, reject };
                this.#reportFailover(candidate as ConnectedCandidate);
                // An event listener may have aborted the call.
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
      // No other endpoint gave a better response: deliver the deferred response, if there is one.
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

  /** Delivers the deferred response to the caller. */
  #deliverDeferred({ attempt, response }: DeferredResponseHandler): void {
    const call = this.#call;
    if (call.settled) return;
    call.attempt = attempt;
    // The handler may have received part of another response.
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
