import type { AsyncResource } from 'node:async_hooks';
import type { ConnectedCandidate } from '../core/candidate.js';
import { releaseBody } from '../core/release-body.js';
import type { Endpoint } from '../core/endpoint.js';
import { isClerkError, type ClerkErrorCode } from '../core/errors.js';
import type { CallKind } from '../core/idempotency.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import { type HeaderPairs } from '../protocol/call-headers.js';
import { orcaFromHeaders } from '../protocol/orca.js';
import { CallIdentity, idempotencyScopeOf, parseExecutionHeaders } from './at-most-once.js';
import type { AttemptTimeout } from './attempt-timeout.js';
import { attemptRequest } from './attempt-request.js';
import { AbandonedError, Attempt, UploadTrackingAttempt, type AttemptHandler } from './attempt.js';
import type { WholeBodyHandler } from './body-collector.js';
import { tooManyPendingError, type CallContext } from './call-context.js';
import { propagatesDeadline, type CallDeadline } from './call-deadline.js';
import type { CallAction, CallFacts, FailureCause, Settlement } from './call-decision.js';
import { callbackError, requestBodyError, truncatedError } from './call-errors.js';
import { classifyError, codeOf, isFailureStatus, wrapCallerError } from './classify-error.js';
import { DeferredOutcome } from './deferred-outcome.js';
import { DeferredResponse } from './deferred-response.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import { FailoverCall } from './failover-call.js';
import { isBodyError, isReplayable } from './request-body.js';
import { retryAfterMs } from './retry-after.js';

/**
 * One HTTP call. Delivers exactly one response, or one error, to the caller's handler. If no response has arrived by
 * the deadline of the call, delivers an error.
 *
 * The first attempt goes straight to the transport. What {@link FailoverCall} adds costs nothing until that attempt has
 * failed or is late.
 */
export class HttpCall extends FailoverCall<Attempt> implements AttemptHandler {
  protected readonly attemptTimeout: AttemptTimeout;
  readonly #readsWholeBody: boolean;
  #hasDeliveredHeaders = false;
  /** Whether {@link CallContext.pendingCalls} includes this call, because no attempt of the call was sent yet. */
  #isPending = true;
  #identity: CallIdentity | undefined = undefined;
  #deferred: DeferredOutcome | undefined = undefined;
  /** Whether an attempt of this call was already rejected as not processed (HTTP/2 REFUSED_STREAM). */
  #wasNotProcessed = false;
  /**
   * Whether the call was already retried once without use of the retry budget, after a graceful close of a connection.
   */
  #hasMovedFree = false;
  /** Reason with which the caller aborted the call while a deferred response was being delivered. */
  #cancelReason: Error | undefined = undefined;

  /**
   * @param deadline - limits the time to the response headers or, for a {@link WholeBodyHandler}, to the end of the body
   * @param asyncContext - the async context of the caller, in which everything except the fast path runs
   */
  constructor(
    context: CallContext,
    picker: EndpointPicker,
    readonly request: TransportRequest,
    readonly handler: RequestHandler,
    kind: CallKind,
    constraints: PickConstraints,
    deadline: CallDeadline,
    asyncContext: AsyncResource,
  ) {
    super(context, picker, kind, constraints, deadline, asyncContext);
    this.#readsWholeBody = (handler as Partial<WholeBodyHandler>).restart !== undefined;
    const { method, path } = request;
    this.attemptTimeout = context.timeouts.forRoute(method, context.routeOf(method, path));
  }

  get isReplayable(): boolean {
    return isReplayable(this.request.body);
  }

  /** Endpoint of the newest attempt or, once a response is accepted, of that response. */
  get endpoint(): Endpoint | undefined {
    return this.attempt?.candidate.endpoint;
  }

  /** Starts the call. Errors are passed to `onError` of the handler, not thrown. */
  start(): void {
    const { context, startedAt, picker } = this;
    try {
      context.startCall();
    } catch (error) {
      this.#isPending = false;
      this.settled = true;
      this.handler.onError(error as Error);
      return;
    }
    if (context.pendingCalls >= context.maxPending) {
      this.#isPending = false;
      this.fail(tooManyPendingError(context));
      return;
    }
    context.pendingCalls++;
    try {
      this.handler.onConnect((reason) => this.#cancel(reason));
    } catch (error) {
      this.fail(error);
    }
    if (this.settled) return;
    let candidate: ConnectedCandidate | undefined;
    try {
      if (startedAt >= picker.trialDueAt) candidate = this.pickTrial(startedAt);
      candidate ??= picker.pickCached(startedAt, this.constraints);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (candidate === undefined) {
      context.wheel.set(this, this.deadlineAt);
      this.asyncContext.runInAsyncScope(() => void this.#resolveThenSend());
      return;
    }
    this.budget.deposit(startedAt);
    this.send(candidate, picker.policyName, startedAt, false);
  }

  protected send(
    candidate: ConnectedCandidate,
    pickReason: string,
    now: number,
    hasReservedRetry: boolean,
  ): void {
    const { context, kind, handler, request } = this;
    if (this.settled) {
      if (hasReservedRetry) this.budget.refund();
      return;
    }
    const number = ++this.attemptCount;
    const timeoutMs = this.timeoutMs(candidate, now);
    const tracksUpload =
      handler.onRequestSent !== undefined ||
      handler.onBodySent !== undefined ||
      (kind !== 'once' && request.body !== undefined && request.body !== null);
    const attempt = new (tracksUpload ? UploadTrackingAttempt : Attempt)(
      this,
      candidate,
      this.constraints.tlsOnly ? (candidate.tlsChannel ?? candidate.channel) : candidate.channel,
      number,
      pickReason,
      now,
      Math.ceil(now + timeoutMs),
      kind !== 'once',
      hasReservedRetry,
    );
    context.health.attemptStarted(candidate);
    this.track(attempt);
    if (this.hasFailover) this.arm(now);
    else context.wheel.set(this, attempt.checkAt < this.deadlineAt ? attempt.checkAt : this.deadlineAt);
    if (context.reporter.hasListeners('picked')) this.#reportPick(attempt);
    this.#dispatch(attempt, now);
    if (context.hedging !== undefined && number === 1 && kind !== 'once')
      this.startHedging(context.hedging, now);
  }

  onDequeue(attempt: Attempt, request: TransportRequest): TransportRequest {
    const { headers } = this.#buildRequest(attempt, this.context.clock.now());
    return { ...request, headers };
  }

  onConnect(attempt: Attempt): void {
    const { context } = this;
    if (this.#isPending) {
      this.#isPending = false;
      context.pendingCalls--;
    }
    if (attempt.accepted) attempt.sentAt = context.clock.now();
    if (attempt.hasReservedRetry) {
      attempt.hasReservedRetry = false;
      this.budget.spent(context.clock.now());
    } else if (this.hasFailover) {
      this.#payForSecondRequest(attempt);
    }
    // From now on a 'once' call may have been executed, so no other attempt may replace this attempt. The attempt
    // timeout no longer applies, only the deadline of the call.
    if (!attempt.allowsResend) {
      attempt.checkAt = Infinity;
      context.wheel.set(this, this.deadlineAt);
    }
  }

  onInformation(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean {
    attempt.sentAt = this.context.clock.now();
    try {
      return this.handler.onHeaders(statusCode, headers, resume, statusText);
    } catch (error) {
      return this.#failOnCallbackError(attempt, error);
    }
  }

  onHeaders(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean {
    const now = this.context.clock.now();
    this.#learnFrom(attempt, statusCode, headers, now);
    if (this.isRacing || (statusCode >= 400 && this.#mayReplace(statusCode))) {
      const actions = this.decide(
        {
          type: 'response',
          attempt: this.factsOf(attempt),
          statusCode,
          retryAfterMs: retryAfterMs(headers, this.context.clock.wallNow()),
          execution: parseExecutionHeaders(headers, attempt.address),
        },
        now,
      );
      const [first] = actions;
      if (first?.do !== 'settle' || first.with !== 'response')
        return this.#deferOrDrop(
          attempt,
          actions,
          now,
          () =>
            new DeferredResponse(attempt, statusCode, headers, resume, statusText, () =>
              this.endAttempt(attempt),
            ),
        );
    }
    this.accept(attempt, now);
    this.#hasDeliveredHeaders = true;
    if (this.#readsWholeBody) this.context.wheel.set(this, this.deadlineAt);
    else this.context.wheel.clear(this);
    try {
      return this.handler.onHeaders(statusCode, headers, resume, statusText);
    } catch (error) {
      return this.#failOnCallbackError(attempt, error);
    }
  }

  onData(attempt: Attempt, chunk: Buffer): boolean {
    try {
      return this.handler.onData(chunk);
    } catch (error) {
      return this.#failOnCallbackError(attempt, error);
    }
  }

  onComplete(attempt: Attempt, trailers: string[] | null): void {
    this.#succeed(attempt);
    try {
      this.handler.onComplete(trailers);
    } catch (error) {
      this.handler.onError(error as Error);
    }
  }

  onUpgrade(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[] | string[] | null,
    socket: unknown,
  ): void {
    const { context } = this;
    const { candidate } = attempt;
    const now = context.clock.now();
    attempt.stage = 'answered';
    attempt.statusCode = statusCode;
    attempt.latencyMs = now - attempt.startedAt;
    context.health.responseReceived(candidate, undefined, now);
    context.health.attemptHeld(candidate);
    this.accept(attempt, now);
    this.#hasDeliveredHeaders = true;
    // The connection now belongs to the application. The attempt counts as in flight until the socket closes.
    attempt.ended = true;
    const emitter = socket as { once?(event: string, listener: () => void): void } | undefined;
    if (emitter?.once) emitter.once('close', () => context.health.attemptEnded(candidate, true));
    else context.health.attemptEnded(candidate, true);
    this.#succeed(attempt);
    this.handler.onUpgrade(statusCode, headers, socket);
  }

  onBodySent(chunkSize: number, totalBytesSent: number): void {
    this.handler.onBodySent?.(chunkSize, totalBytesSent);
  }

  onRequestSent(attempt: Attempt): void {
    attempt.sentAt = this.context.clock.now();
    this.handler.onRequestSent?.();
  }

  onError(attempt: Attempt, error: Error): void {
    if (this.settled) return;
    const { context, failover } = this;
    const { candidate, startedAt } = attempt;
    const now = context.clock.now();
    const durationMs = now - startedAt;
    if (isBodyError(this.request.body, error)) {
      this.#endFailed(attempt, 'ignored', error, durationMs);
      this.fail(requestBodyError(failover.retry, error));
      return;
    }
    this.#releaseSentBody(attempt, error);
    const isRemoved = isRemovedError(attempt, error);
    const { endsCall, evidence, isGoAway } = isRemoved ? {} : classifyError(error, attempt);
    const isUnsent = this.#failsUnsent(attempt, error);
    if (evidence !== undefined && evidence !== 'responded') {
      if (isUnsent && this.redial(attempt, now)) return;
      context.health.attemptFailed(candidate, evidence, startedAt, now);
    } else if (evidence === 'responded') {
      context.health.responseReceived(candidate, undefined, now);
    }
    // After a graceful close of the connection by the endpoint, a repeatable call is retried once without use of the
    // retry budget.
    failover.retry.isNextFree = isGoAway === true && !this.#hasMovedFree;
    this.#hasMovedFree ||= failover.retry.isNextFree;
    const isFailure = evidence !== undefined && evidence !== 'responded';
    this.#endFailed(attempt, isFailure ? 'failure' : 'ignored', error, durationMs);
    const cause = causeOf(isRemoved, endsCall);
    const callError =
      endsCall === undefined
        ? error
        : wrapCallerError(endsCall, context.name, error, {
            execution: attempt.stage === 'answered' ? 'done' : failover.retry.execution,
            outcomes: failover.retry.outcomes,
          });
    const actions = this.decide({ type: 'failure', attempt: this.factsOf(attempt), cause }, now);
    if (actions[0]?.do === 'defer') this.#getDeferred().error = callError;
    this.carryOut(actions, now, undefined, callError);
  }

  protected override isQueued(attempt: Attempt): boolean {
    const { channel, stage } = attempt;
    return channel.isQueued ? stage === 'waiting' && channel.isQueued(attempt) : super.isQueued(attempt);
  }

  protected get isUpgrade(): boolean {
    return Boolean((this.request as { readonly upgrade?: unknown }).upgrade);
  }

  protected get isStreaming(): boolean {
    return this.#hasDeliveredHeaders && !this.#readsWholeBody;
  }

  protected get deferred(): CallFacts['deferred'] {
    return this.#deferred === undefined || this.#isOutdated ? 'none' : this.#deferred.kindFor(this.retries);
  }

  protected redial(attempt: Attempt, now: number): boolean {
    if (!attempt.channel.nextAddress(attempt.address)) return false;
    attempt.abandon(new Error('The attempt moved to another address of its endpoint'));
    const next = attempt.redial(now, Math.ceil(now + this.timeoutMs(attempt.candidate, now)));
    this.replace(attempt, next);
    this.arm(now);
    this.asyncContext.runInAsyncScope(() => this.#dispatch(next, now));
    return true;
  }

  protected abandon(attempt: Attempt, reason: unknown): void {
    const error = reason instanceof Error ? reason : new Error('The call was aborted');
    this.#releaseSentBody(attempt, error);
    attempt.abandon(error);
  }

  /**
   * Destroys a request body stream whose upload was cut off. undici itself would destroy the stream without an error.
   */
  #releaseSentBody({ stage }: Attempt, error: Error): void {
    if (stage !== 'waiting' && !this.isReplayable) releaseBody(this.request.body, error);
  }

  protected reportError(error: unknown): void {
    this.handler.onError(error as Error);
  }

  protected override settleWith(end: Settlement, error: Error | undefined): void {
    if (end === 'truncated' && error !== undefined)
      this.fail(truncatedError(this.failover.retry, codeOf(error), error));
    else super.settleWith(end, error);
  }

  protected settleDeferred(): boolean {
    const response = this.#isOutdated ? undefined : this.#deferred?.take();
    if (response === undefined) {
      const error = this.#deferred?.error;
      if (error !== undefined) this.fail(error);
      return error !== undefined;
    }
    // The handler may have received part of another response, which must be discarded.
    this.restartResponse();
    const { attempt } = response;
    this.accept(attempt, this.context.clock.now());
    attempt.handler = this;
    this.#hasDeliveredHeaders = true;
    if (this.#readsWholeBody) this.context.wheel.set(this, this.deadlineAt);
    else this.context.wheel.clear(this);
    if (response.isComplete) this.finish();
    const aborted = new Error('The call has ended');
    try {
      response.deliver(this.handler, () =>
        response.isComplete || !this.settled ? this.#cancelReason : aborted,
      );
    } catch (error) {
      this.#failOnCallbackError(attempt, error);
    }
    return true;
  }

  protected override restartResponse(): void {
    this.#hasDeliveredHeaders = false;
    if (this.#readsWholeBody) (this.handler as WholeBodyHandler).restart();
  }

  protected override onSettled(): void {
    if (this.#isPending) {
      this.#isPending = false;
      this.context.pendingCalls--;
    }
    this.#deferred?.discard();
  }

  async #resolveThenSend(): Promise<void> {
    try {
      const picked = await this.prepareEndpoint();
      if (picked === undefined) return;
      const now = this.context.clock.now();
      const candidate = (now >= this.picker.trialDueAt ? this.pickTrial(now) : undefined) ?? picked;
      this.budget.deposit(now);
      this.send(candidate, this.picker.policyName, now, false);
    } catch (error) {
      this.fail(error);
    }
  }

  #dispatch(attempt: Attempt, now: number): void {
    attempt.channel.dispatch(this.#buildRequest(attempt, now), attempt, this.kind === 'once');
    attempt.accepted = true;
  }

  #buildRequest({ number, candidate: { endpoint } }: Attempt, now: number): TransportRequest {
    const sendsTimeout = propagatesDeadline(this.deadline, this.context.serviceTimeoutMs);
    const isIdentified = this.kind === 'once' && idempotencyScopeOf(endpoint) !== undefined;
    if (number === 1 && !sendsTimeout && !isIdentified) return this.request;
    const leftMs = sendsTimeout ? this.deadlineAt - now : undefined;
    return attemptRequest(this.request, number, leftMs, isIdentified ? this.#identify(endpoint, number) : []);
  }

  #identify(endpoint: Endpoint, number: number): HeaderPairs {
    this.#identity ??= new CallIdentity(this.context.clock);
    return this.#identity.headersFor(endpoint, number > 1 && this.failover.retry.execution !== 'none');
  }

  /** Passes latency, status and load of a response to health and to the attempt timeout. */
  #learnFrom(attempt: Attempt, statusCode: number, headers: Buffer[], now: number): void {
    const { health, wheel } = this.context;
    const { startedAt, sentAt, candidate } = attempt;
    const { stalls } = wheel;
    const stalledMs = stalls.lastEndedAt > startedAt ? stalls.stalledMsSince(startedAt) : 0;
    const latencyMs = now - startedAt - stalledMs;
    attempt.stage = 'answered';
    attempt.statusCode = statusCode;
    attempt.latencyMs = latencyMs;
    health.attemptHeld(candidate);
    this.attemptTimeout.record(sentAt === startedAt ? latencyMs : Math.max(0, now - sentAt - stalledMs), now);
    if (!isFailureStatus(statusCode))
      health.responseReceived(candidate, latencyMs, now, this.attemptTimeout.medianMs);
    else
      health.attemptFailed(candidate, this.#failsElsewhere(attempt) ? 'repeated' : 'status', startedAt, now);
    const load = orcaFromHeaders(headers);
    if (load !== undefined) health.loadReported(candidate, load, now);
  }

  /**
   * Whether another endpoint has already given this call a failure response. A second failure response then shows that
   * the call itself fails, and counts against no endpoint.
   */
  #failsElsewhere({ number }: Attempt): boolean {
    return (
      number > 1 &&
      this.failover.retry.outcomes.some(
        ({ stage, code }) => stage === 'answered' && isFailureStatus(Number(code)),
      )
    );
  }

  /** Whether a retry may get a better response than one with this status. */
  #mayReplace(statusCode: number): boolean {
    return this.kind === 'once' || this.retries?.statuses.has(statusCode) === true;
  }

  /** Defers or drops a response that is not delivered now, and carries out the other actions. */
  #deferOrDrop(
    attempt: Attempt,
    actions: readonly CallAction[],
    now: number,
    createDeferred: () => DeferredResponse,
  ): boolean {
    const { statusCode, latencyMs } = attempt;
    const { retry } = this.failover;
    this.untrack(attempt);
    if (this.attempt === attempt) this.attempt = undefined;
    const isDeferred = actions[0]?.do === 'defer';
    const isFailure = isFailureStatus(statusCode);
    // The service states that a 'once' call was not executed, so the call counts as not sent.
    if (isDeferred && this.kind === 'once') attempt.stage = 'waiting';
    this.record(attempt, isDeferred && isFailure ? 'failure' : 'ignored', String(statusCode), latencyMs);
    retry.requiresBudget = true;
    if (isDeferred && this.#getDeferred().accepts(statusCode, this.retries)) {
      this.#getDeferred().keep(createDeferred());
    } else {
      this.endAttempt(attempt);
      attempt.abandon(new Error('The response was dropped'));
    }
    this.carryOut(actions, now);
    return true;
  }

  #getDeferred(): DeferredOutcome {
    return (this.#deferred ??= new DeferredOutcome());
  }

  /**
   * Whether a deferred response may no longer be delivered. The deferred response to a 'once' call states that the call
   * was not executed. This statement is wrong if the endpoint of another attempt may have executed the call since.
   */
  get #isOutdated(): boolean {
    return this.kind === 'once' && this.failover.retry.execution !== 'none';
  }

  /**
   * Called before a request is written for which no retry is reserved. If another request of the call has been sent,
   * spends a retry of the budget.
   *
   * @throws {@link AbandonedError} when the budget allows no retry; the request is then not written
   */
  #payForSecondRequest(attempt: Attempt): void {
    const { context, failover } = this;
    const isSecond =
      failover.retry.execution !== 'none' ||
      failover.inFlight.some((other) => other !== attempt && other.stage !== 'waiting');
    if (!isSecond || failover.retry.takeFreeSend()) return;
    const now = context.clock.now();
    if (failover.retry.tryReserve(now)) this.budget.spent(now);
    else {
      attempt.stage = 'waiting';
      throw new AbandonedError('The retry budget allows no second request');
    }
  }

  /**
   * Whether no connection was established, so that another address of the endpoint may work. If the error proves that a
   * sent request was not processed, sets the stage of the attempt to `waiting`.
   */
  #failsUnsent(attempt: Attempt, error: Error): boolean {
    // REFUSED_STREAM proves that the request was not processed, so the retry is free. This applies once per call, since
    // a server that refuses every stream would otherwise cause endless free retries.
    if (
      attempt.stage === 'sent' &&
      !this.#wasNotProcessed &&
      this.isReplayable &&
      attempt.channel.wasNotProcessed?.(error) === true
    ) {
      this.#wasNotProcessed = true;
      attempt.stage = 'waiting';
      return false;
    }
    return attempt.stage === 'waiting';
  }

  #endFailed(attempt: Attempt, verdict: 'failure' | 'ignored', error: Error, durationMs: number): void {
    this.record(attempt, verdict, codeOf(error), durationMs, error);
    this.endAttempt(attempt);
    this.untrack(attempt);
  }

  /** Called when the caller, or undici's handler for the caller, aborts the call. */
  #cancel(reason: Error | undefined): void {
    if (this.settled) {
      this.#cancelReason ??= reason ?? this.abortedError(reason);
      return;
    }
    this.endEarly(reason, () => this.abortedError(reason));
  }

  /** Ends the call because a callback of the caller's handler threw. The error does not count against the endpoint. */
  #failOnCallbackError(attempt: Attempt, error: unknown): boolean {
    if (this.settled) return true;
    const { retry } = this.failover;
    const cause = error as Error;
    if (!attempt.ended)
      this.#endFailed(attempt, 'ignored', cause, this.context.clock.now() - attempt.startedAt);
    attempt.abandon(cause);
    this.fail(this.isStreaming ? cause : callbackError(retry, cause));
    return true;
  }

  #succeed(attempt: Attempt): void {
    this.endAttempt(attempt);
    if (this.context.reporter.hasListeners('attempt')) {
      const verdict = isFailureStatus(attempt.statusCode) ? 'failure' : 'success';
      this.record(attempt, verdict, String(attempt.statusCode), attempt.latencyMs);
    }
    this.finish();
  }

  #reportPick({ candidate, pickReason, number }: Attempt): void {
    const { name, reporter } = this.context;
    reporter.emit('picked', { name, endpoint: candidate.endpoint.id, pickReason, attempt: number });
  }
}

/** Whether the request was not sent because the channel was closed or the retry budget allowed no retry. */
function isRemovedError({ stage }: Attempt, error: Error): boolean {
  const isClosed = isClerkError(error) && error.code === 'CLERK_CLOSED';
  return (stage === 'waiting' && isClosed) || error instanceof AbandonedError;
}

function causeOf(isRemoved: boolean, endsCall: ClerkErrorCode | undefined): FailureCause {
  if (isRemoved) return 'removed';
  if (endsCall === undefined) return 'network';
  return endsCall === 'RESPONSE_INVALID' ? 'invalid-response' : 'caller';
}
