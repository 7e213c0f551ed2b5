import type { AsyncResource } from 'node:async_hooks';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { CallKind } from '../core/idempotency.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import { addHeaders, callHeaders, type HeaderPairs } from '../protocol/call-headers.js';
import { orcaFromHeaders } from '../protocol/orca.js';
import { CallIdentity, idempotencyScopeOf } from './at-most-once.js';
import type { AttemptTimeout } from './attempt-timeout.js';
import { Attempt, UploadTrackingAttempt } from './attempt.js';
import { tooManyPendingError, type CallContext } from './call-context.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import { isFailureStatus } from './classify-error.js';
import { effectiveTimeoutMs, propagatesDeadline, type CallDeadline } from './call-deadline.js';
import { Failover } from './failover.js';
import type { FailoverHost, WholeBodyHandler } from './http-call-port.js';
import { isRetryableStatus } from './retry-rules.js';
import type { TimerEntry } from './timer-wheel.js';

/**
 * One HTTP call. Delivers exactly one response, or one error, to the caller's handler. If no response has arrived by
 * the deadline of the call, delivers an error.
 *
 * This class is the fast path: the first attempt goes straight to the transport. A {@link Failover} handles waiting,
 * failures and timeouts, and is created only when needed.
 */
export class HttpCall implements FailoverHost {
  expiresAt = 0;
  previous: TimerEntry | undefined = undefined;
  next: TimerEntry | undefined = undefined;

  attemptCount = 0;
  attempt: Attempt | undefined = undefined;
  hasDeliveredHeaders = false;
  settled = false;
  readonly readsWholeBody: boolean;
  readonly attemptTimeout: AttemptTimeout;
  readonly startedAt: number;
  deadlineAt: number;
  /** Whether {@link CallContext.pendingCalls} includes this call, because no attempt of the call was sent yet. */
  #isPending = true;
  #failover: Failover | undefined = undefined;
  #identity: CallIdentity | undefined = undefined;

  /**
   * @param deadline - limits the time to the response headers or, for a {@link WholeBodyHandler}, to the end of the
   * body
   * @param asyncContext - the async context of the caller, in which everything except the fast path runs
   */
  constructor(
    readonly context: CallContext,
    readonly picker: EndpointPicker,
    readonly request: TransportRequest,
    readonly handler: RequestHandler,
    readonly kind: CallKind,
    readonly constraints: PickConstraints,
    readonly deadline: CallDeadline,
    readonly asyncContext: AsyncResource,
  ) {
    this.readsWholeBody = (handler as Partial<WholeBodyHandler>).restart !== undefined;
    this.startedAt = context.clock.now();
    // Rounded to an integer, since V8 allocates fractional numbers on the heap. Rounded down, since a deadline must not
    // grow when one service passes the deadline on to the next.
    this.deadlineAt = Math.floor(this.startedAt + effectiveTimeoutMs(deadline, context.serviceTimeoutMs));
    this.attemptTimeout = context.timeouts.forMethod(request.method);
  }

  /** Whether the caller's handler listens for upload progress. */
  get #tracksUpload(): boolean {
    return this.handler.onRequestSent !== undefined || this.handler.onBodySent !== undefined;
  }

  /** Endpoint of the attempt in flight, otherwise of the last attempt; undefined before the first attempt. */
  get endpoint(): Endpoint | undefined {
    return this.attempt?.candidate.endpoint;
  }

  /** Starts the call. Errors are passed to `onError` of the handler, not thrown. */
  start(): void {
    const { context, startedAt } = this;
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
      this.fail(error as Error);
    }
    if (this.settled) return;
    let candidate: ConnectedCandidate | undefined;
    try {
      candidate = this.picker.pickCached(startedAt, this.constraints);
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    if (candidate === undefined) {
      this.#getFailover().resolveThenSend();
      return;
    }
    context.budget.deposit(startedAt);
    this.send(candidate, this.picker.policyName, startedAt, false);
  }

  send(candidate: ConnectedCandidate, pickReason: string, now: number, hasReservedRetry: boolean): void {
    const { context, kind } = this;
    // The load-balancing policy is application code and may have aborted the call while picking `candidate`.
    if (this.settled) {
      if (hasReservedRetry) context.budget.refund();
      return;
    }
    const channel = this.constraints.tlsOnly
      ? (candidate.tlsChannel ?? candidate.channel)
      : candidate.channel;
    const number = ++this.attemptCount;
    const attempt = new (this.#tracksUpload ? UploadTrackingAttempt : Attempt)(
      this,
      candidate,
      channel,
      number,
      pickReason,
      now,
      kind !== 'once',
      hasReservedRetry,
    );
    this.attempt = attempt;
    context.health.attemptStarted(candidate);
    const timeoutAt = Math.ceil(now + this.attemptTimeout.timeoutAt(now));
    context.wheel.set(this, timeoutAt < this.deadlineAt ? timeoutAt : this.deadlineAt);
    if (context.reporter.hasListeners('picked')) this.#reportPick(attempt);
    channel.dispatch(this.buildRequest(attempt, now), attempt, kind === 'once');
    attempt.accepted = true;
    if (context.hedging !== undefined && number === 1 && kind !== 'once')
      this.#getFailover().startHedging(context.hedging, now);
  }

  buildRequest({ number, candidate: { endpoint } }: Attempt, now: number): TransportRequest {
    const sendsTimeout = propagatesDeadline(this.deadline, this.context.serviceTimeoutMs);
    const scope = this.kind === 'once' ? idempotencyScopeOf(endpoint) : undefined;
    if (number === 1 && !sendsTimeout && scope === undefined) return this.request;
    const pairs: HeaderPairs[number][] = [];
    if (sendsTimeout)
      pairs.push([callHeaders.timeoutMs, String(Math.max(1, Math.floor(this.deadlineAt - now)))]);
    if (number > 1) pairs.push([callHeaders.attemptCount, String(number)]);
    if (scope !== undefined) {
      this.#identity ??= new CallIdentity(this.context.clock);
      pairs.push(
        ...this.#identity.headersFor(endpoint, number > 1 && this.#getFailover().execution !== 'none'),
      );
    }
    return addHeaders(this.request, pairs);
  }

  onDequeue(attempt: Attempt, request: TransportRequest): TransportRequest {
    const { headers } = this.buildRequest(attempt, this.context.clock.now());
    return { ...request, headers };
  }

  onConnect(attempt: Attempt): void {
    if (this.#isPending) {
      this.#isPending = false;
      this.context.pendingCalls--;
    }
    if (attempt.hasReservedRetry) {
      attempt.hasReservedRetry = false;
      this.context.budget.spent(this.context.clock.now());
    }
    // From now on a 'once' call may have been executed, so no other attempt may replace this attempt. The attempt
    // timeout no longer applies, only the deadline of the call.
    if (!attempt.allowsResend) this.context.wheel.set(this, this.deadlineAt);
  }

  onInformation(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean {
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
    const { context } = this;
    const now = context.clock.now();
    const { startedAt } = attempt;
    const { stalls } = context.wheel;
    const latencyMs =
      now - startedAt - (stalls.lastEndedAt > startedAt ? stalls.stalledMsSince(startedAt) : 0);
    attempt.stage = 'answered';
    attempt.statusCode = statusCode;
    attempt.latencyMs = latencyMs;
    this.attemptTimeout.record(latencyMs, now);
    if (isFailureStatus(statusCode))
      context.health.attemptFailed(attempt.candidate, 'status', startedAt, now);
    else context.health.responseReceived(attempt.candidate, latencyMs, now);
    const load = orcaFromHeaders(headers);
    if (load !== undefined) context.health.loadReported(attempt.candidate, load, now);
    if (
      isRetryableStatus(statusCode) &&
      this.#getFailover().deferIfRetryable(attempt, headers, statusText, now)
    )
      return true;
    if (
      statusCode >= 400 &&
      this.kind === 'once' &&
      this.#getFailover().handleAtMostOnceStatus(attempt, headers, statusText, now)
    )
      return true;
    this.#failover?.settleWinner(attempt, now);
    this.#deliverHeaders();
    if (this.readsWholeBody) context.wheel.set(this, this.deadlineAt);
    else context.wheel.clear(this);
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
    const now = context.clock.now();
    attempt.stage = 'answered';
    attempt.statusCode = statusCode;
    attempt.latencyMs = now - attempt.startedAt;
    // An upgrade opens a connection, so its latency does not compare with the latencies of requests.
    context.health.responseReceived(attempt.candidate, undefined, now);
    context.wheel.clear(this);
    this.#deliverHeaders();
    // The connection now belongs to the application. The attempt counts as in flight until the socket closes.
    const { candidate } = attempt;
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

  onRequestSent(): void {
    this.handler.onRequestSent?.();
  }

  onError(attempt: Attempt, error: Error): void {
    if (!this.settled) this.#getFailover().onAttemptFailed(attempt, error);
  }

  /** Called by the timer wheel when an attempt times out or the deadline passes. */
  expire(now: number): void {
    if (!this.settled) this.#getFailover().expire(now);
  }

  /** Called when the clerk is destroyed. */
  abort(error: Error): void {
    if (!this.settled) this.#getFailover().abort(error);
  }

  endAttempt(attempt: Attempt): void {
    if (attempt.ended) return;
    attempt.ended = true;
    if (attempt.hasReservedRetry) this.context.budget.refund();
    attempt.hasReservedRetry = false;
    this.context.health.attemptEnded(attempt.candidate, attempt.stage === 'answered');
  }

  updateDeadline(): void {
    this.deadlineAt = Math.floor(
      this.startedAt + effectiveTimeoutMs(this.deadline, this.context.serviceTimeoutMs),
    );
  }

  fail(error: Error): void {
    if (this.settled) return;
    this.finish();
    this.handler.onError(error);
  }

  finish(): void {
    this.settled = true;
    const { context } = this;
    context.wheel.clear(this);
    if (this.#isPending) {
      this.#isPending = false;
      context.pendingCalls--;
    }
    this.#failover?.finish();
    context.finishCall();
  }

  /** Called when the caller, or undici's handler for the caller, aborts the call. */
  #cancel(reason: Error | undefined): void {
    if (!this.settled) this.#getFailover().cancel(reason);
    else this.#failover?.cancel(reason);
  }

  /** Ends the call because a callback of the caller's handler threw. */
  #failOnCallbackError(attempt: Attempt, error: unknown): boolean {
    this.#getFailover().onCallbackError(attempt, error as Error);
    return true;
  }

  #deliverHeaders(): void {
    this.hasDeliveredHeaders = true;
    this.#failover?.onHeadersDelivered();
  }

  #succeed(attempt: Attempt): void {
    this.endAttempt(attempt);
    if (this.context.reporter.hasListeners('attempt')) this.#getFailover().recordSuccess(attempt);
    this.finish();
  }

  #getFailover(): Failover {
    return (this.#failover ??= new Failover(this));
  }

  #reportPick({ candidate, pickReason, number }: Attempt): void {
    const { name, reporter } = this.context;
    reporter.emit('picked', { name, endpoint: candidate.endpoint.id, pickReason, attempt: number });
  }
}
