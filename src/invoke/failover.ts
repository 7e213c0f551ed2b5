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
  /** Whether an attempt of this call was already rejected as not processed (HTTP/2 REFUSED_STREAM). */
  #wasNotProcessed = false;
  readonly #deferred: DeferredResponses;
  /** The hedging of this call; undefined if the call is not hedged or was not sent yet. */
  #hedged: HedgedAttempts | undefined;
  /**
   * Reason with which the caller aborted the call after the call was settled, e.g. during the delivery of a deferred
   * response.
   */
  #cancelReason: Error | undefined;
  /** Settles the attempt for which the retry loop waits; undefined while the loop waits for no attempt. */
  #pendingAttempt: { resolve(): void; reject(error: unknown): void } | undefined;

  constructor(call: FailoverHost) {
    const { context, kind, constraints, request, deadline, startedAt, deadlineAt } = call;
    this.#call = call;
    this.#state = new RetryState(context, call.picker, {
      kind,
      constraints,
      isReplayable: isReplayable(request.body),
      allowsRetries: deadline.allowsRetries,
      startedAt,
      deadlineAt,
    });
    this.#deferred = new DeferredResponses(call, this.#state);
  }

  /** `unknown` if any attempt so far may have been executed, otherwise `none`. */
  get execution(): Execution {
    return this.#state.execution;
  }

  /** As needed, looks the service up, starts the service or waits. Then sends the first attempt. */
  resolveThenSend(): void {
    resolveThenSend(this.#call, this.#state);
  }

  /**
   * Called after the first attempt was dispatched. Plans a second attempt for the case that the first attempt is slow
   * to respond.
   */
  startHedging(hedging: HedgingPolicy, now: number): void {
    this.#hedged = new HedgedAttempts(this.#call, this.#state, hedging);
    this.#hedged.schedule(now);
  }

  /**
   * Called with the attempt whose response headers go to the caller. If two attempts are in flight, cancels the other
   * attempt.
   */
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
    // The endpoint was removed from the registry, so its channel was closed before the request was sent. This does not
    // count as a failure of the endpoint.
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
    // REFUSED_STREAM proves that the request was not processed, so the retry is free. This applies once per call, since
    // a server that refuses every stream would otherwise cause endless free retries.
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
    // The caller already has the headers of this response, so the call cannot be retried. The error reports that the
    // body is truncated.
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
      // An attempt whose response is deferred has already responded, so no timeout is recorded for this attempt.
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
    // A request that waits for a free connection is not abandoned: the endpoint has not failed, and another endpoint
    // would have a queue too.
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

  /**
   * Called when the caller aborts the call. Ends the call or, if a deferred response is being delivered, ends the
   * delivery.
   */
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
   * Handles a response with a retryable status. If another attempt is in flight, drops the response. Otherwise defers
   * the response and fails over, if another attempt is possible.
   *
   * @returns false if the caller of this method must deliver the response
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
   * @returns false if the caller of this method must deliver the response
   */
  handleAtMostOnceStatus(attempt: Attempt, headers: Buffer[], statusText: string, now: number): boolean {
    const classification = this.#deferred.classifyAtMostOnce(attempt, headers, statusText, now);
    if (classification === 'retry') this.#failOver();
    else if (classification === 'unknown') this.#call.fail(outcomeUnknownError(this.#state));
    return classification !== 'deliver';
  }

  /** Ends the retry loop, if the loop is running. Called when the headers of the attempt in flight go to the caller. */
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

  /**
   * Cancels the hedged attempts, the deferred response, the current wait and the reserved retry. Called once, when the
   * call is settled.
   */
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
    // A caller that already has the headers receives its own abort reason, as the error of the body stream.
    call.fail(call.hasDeliveredHeaders && !call.readsWholeBody && reason !== undefined ? reason : callError);
  }

  /** Records and abandons an attempt that has exceeded its attempt timeout or the deadline of the call. */
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
      if (isDialing) context.health.attemptFailed(candidate, 'connect-timeout', startedAt, now);
      else context.health.attemptLate(candidate, startedAt, now);
    }
    this.#state.record(attempt, isOwnStall ? 'ignored' : 'failure', code, now - startedAt, error);
    call.endAttempt(attempt);
    attempt.abandon(error);
  }

  /**
   * Handles the timeout of `attempt` while two attempts are in flight. If `attempt` has no connection and its endpoint
   * has another address, redials there. Otherwise continues with the other attempt alone.
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
   * Sends the request of `attempt` to the address to which the channel of `attempt` has just switched. The attempt
   * number stays the same.
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
   * Continues after a failed attempt was recorded. Starts the retry loop or, if the loop is running, rejects the
   * attempt for which the loop waits.
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
        // Attempt 1 was made before this loop started, and has failed.
        (number) =>
          number === 1
            ? Promise.reject(new Error('The first attempt failed'))
            : new Promise<void>((resolve, reject) => {
                this.#pendingAttempt = { resolve, reject };
                this.#reportFailover(candidate as ConnectedCandidate);
                // A listener of the `failover` event may have aborted the call.
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
      // No attempt got a better response than the deferred response, so the deferred response is delivered, if there is
      // one.
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

  #deliverDeferred({ attempt, response }: DeferredResponseHandler): void {
    const call = this.#call;
    if (call.settled) return;
    call.attempt = attempt;
    // The handler may have received part of another response, which must be discarded.
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
