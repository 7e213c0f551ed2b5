import type { AsyncResource } from 'node:async_hooks';
import { fitsInPiece } from '../core/body-piece.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import { releaseBody } from '../core/release-body.js';
import type { Endpoint } from '../core/endpoint.js';
import type { CallKind } from '../core/idempotency.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import { type HeaderPairs } from '../protocol/call-headers.js';
import { CallIdentity, idempotencyScopeOf } from './idempotency-headers.js';
import { attemptFailure, callErrorOf } from './attempt-failure.js';
import { attemptRequest } from './attempt-request.js';
import { AbandonedError, Attempt, UploadTrackingAttempt } from './attempt.js';
import type { AttemptTimeout } from './attempt-timeout.js';
import { tooManyPendingError, type CallContext } from './call-context.js';
import { propagatesDeadline, type CallDeadline } from './call-deadline.js';
import { requestBodyError } from './call-errors.js';
import { reportPick } from './call-events.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import { FreeRetries } from './free-retries.js';
import { mustSendOnce } from './retry-safety.js';
import { isAwaitingBody, isBodyError, isReplayable } from './request-body.js';
import { ResponseDelivery } from './response-delivery.js';
import { UploadProgress } from './upload-progress.js';

/**
 * One HTTP call. Delivers exactly one response or one error to the caller's handler. If no response has arrived by
 * the deadline, delivers an error.
 */
export class HttpCall extends ResponseDelivery {
  #isPending = true;
  #identity: CallIdentity | undefined = undefined;
  #freeRetries: FreeRetries | undefined = undefined;
  protected readonly attemptTimeout: AttemptTimeout;

  /** @param deadline - limits the time to the response headers; for a `WholeBodyHandler`, to the end of the body */
  constructor(
    context: CallContext,
    picker: EndpointPicker,
    readonly request: TransportRequest,
    handler: RequestHandler,
    kind: CallKind,
    constraints: PickConstraints,
    deadline: CallDeadline,
    asyncContext: AsyncResource,
  ) {
    super(context, picker, handler, kind, constraints, deadline, asyncContext);
    const { method, path } = request;
    this.attemptTimeout = context.timeouts.forRoute(method, context.routeOf(method, path));
  }

  get isReplayable(): boolean {
    return isReplayable(this.request.body);
  }

  get callId(): string | undefined {
    return this.#identity?.id;
  }

  override get isPending(): boolean {
    return this.#isPending;
  }

  get needsNewConnection(): boolean {
    return this.#freeRetries?.hasLostReused === true;
  }

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
      this.handler.onConnect((reason) => this.cancel(reason));
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
    this.sendFirst(candidate, startedAt);
  }

  protected startAttempt(
    candidate: ConnectedCandidate,
    pickReason: string,
    now: number,
    hasReservedRetry: boolean,
  ): void {
    const { context, kind, handler, request } = this;
    const number = ++this.attemptCount;
    const timeoutMs = this.timeoutMs(candidate, now);
    const tracksUpload =
      handler.onRequestSent !== undefined || handler.onBodySent !== undefined || !fitsInPiece(request.body);
    const channel = this.constraints.tlsOnly
      ? (candidate.tlsChannel ?? candidate.channel)
      : candidate.channel;
    const attempt = new (tracksUpload ? UploadTrackingAttempt : Attempt)(
      this,
      candidate,
      context.intercepted === undefined ? channel : context.intercepted(channel),
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
    reportPick(context, attempt);
    // A listener of the event `picked` may have aborted the call.
    if (attempt.ended) return;
    this.#dispatch(attempt, now);
    if (context.hedging !== undefined && number === 1 && kind !== 'once')
      this.startHedging(context.hedging, now);
  }

  onDequeue(attempt: Attempt, request: TransportRequest): TransportRequest {
    const isCurrent =
      !this.#sendsTimeout && !this.#isIdentified(attempt) && attempt.ticket === this.#ticketFor(attempt);
    if (isCurrent) return request;
    // Adds the headers to `request`, not to `this.request`, because the transport has added headers to the queued
    // request.
    return this.#buildRequest(attempt, this.context.clock.now(), request);
  }

  onConnect(attempt: Attempt): void {
    const { context } = this;
    if (this.#isPending) {
      this.#isPending = false;
      context.pendingCalls--;
    }
    if (attempt.accepted) attempt.sentAt = context.clock.now();
    if (attempt.tracksUpload) attempt.upload = new UploadProgress(this.isReplayable, context.clock.now());
    if (attempt.hasReservedRetry) {
      attempt.hasReservedRetry = false;
      this.budget.spent(context.clock.now());
    } else if (this.hasFailover && !this.failover.payForSecondRequest(attempt, context.clock.now())) {
      attempt.stage = 'waiting';
      throw new AbandonedError('The retry budget allows no second request');
    }
    if (this.isRacing) this.#cancelUnsent(attempt);
  }

  #cancelUnsent(attempt: Attempt): void {
    const { kind, isReplayable, retries, isUpgrade } = this;
    if (mustSendOnce({ kind, isReplayable, retries, isUpgrade }))
      this.cancelOthers(attempt, this.context.clock.now());
  }

  onBodySent(attempt: Attempt, chunk: unknown): void {
    const now = this.context.clock.now();
    const { length } = chunk as string | Uint8Array;
    this.#onProgress(attempt, attempt.upload?.onOffered(length, now) === true, now);
    this.handler.onBodySent?.(chunk);
  }

  onRequestSent(attempt: Attempt): void {
    const now = this.context.clock.now();
    this.#onProgress(attempt, attempt.upload?.onComplete(now) === true, now);
    this.handler.onRequestSent?.();
  }

  isAwaitingBody(): boolean {
    return isAwaitingBody(this.request.body);
  }

  #onProgress(attempt: Attempt, wasFull: boolean, now: number): void {
    attempt.sentAt = now;
    if (wasFull) this.context.health.uploadContinued(attempt.candidate, now);
  }

  onError(attempt: Attempt, error: Error): void {
    if (this.settled) return;
    const { stage, channel, candidate } = attempt;
    const explained = stage === 'sent' ? channel.explain?.(error, candidate.latencyMs > 0) : undefined;
    if (explained === undefined) {
      this.#onFailure(attempt, error);
      return;
    }
    void explained.then((reason) => {
      if (attempt.abandoned || this.settled) return;
      this.asyncContext.runInAsyncScope(() => this.#onFailure(attempt, reason));
    });
  }

  #onFailure(attempt: Attempt, error: Error): void {
    const { context, failover } = this;
    const now = context.clock.now();
    if (isBodyError(this.request.body, error)) {
      this.endFailed(attempt, 'ignored', error, now);
      this.fail(requestBodyError(failover.retry, error));
      return;
    }
    this.#releaseSentBody(attempt, error);
    const failure = attemptFailure(attempt, error);
    const { evidence, cause } = failure;
    const isUnsent = attempt.stage === 'waiting';
    const isUnprocessed = attempt.stage === 'sent' && attempt.channel.wasNotProcessed?.(error) === true;
    const isLostReused =
      evidence === 'reset' && attempt.stage === 'sent' && attempt.channel.wasReused?.(attempt) === true;
    const isFree = (this.#freeRetries ??= new FreeRetries()).take(failure, isUnprocessed, isLostReused);
    // A request that the endpoint did not process counts as not sent, provided that its body can be sent again. For a
    // 'once' call, this applies to one attempt only.
    const isOnce = this.kind === 'once';
    if (isUnprocessed && this.isReplayable && (isFree || !isOnce)) attempt.stage = 'waiting';
    const isFailure = evidence !== undefined && evidence !== 'responded';
    if (isFailure) {
      if (isUnsent && this.redial(attempt, now)) return;
      context.health.attemptFailed(attempt.candidate, evidence, attempt.startedAt, now);
    } else if (evidence === 'responded') {
      context.health.responseReceived(attempt.candidate, undefined, now);
      // An unparsable response supplies no latency. Report the elapsed time, or else the endpoint would look idle.
      this.reportAbandoned(attempt, attempt.startedAt, now);
    }
    failover.retry.isNextFree ||= isFree;
    failover.retry.requiresBudget ||= isUnprocessed && !isFree;
    this.endFailed(attempt, isFailure ? 'failure' : 'ignored', error, now);
    if (isFree && (failure.isGoAway === true || !isOnce))
      failover.retry.allowMove(attempt.candidate.endpoint.id);
    const callError = callErrorOf(failure, error, failover.retry);
    const actions = this.decide({ type: 'failure', attempt: this.factsOf(attempt), cause }, now);
    if (actions[0]?.do === 'defer') this.deferError(callError);
    this.carryOut(actions, now, undefined, callError);
  }

  /**
   * Returns undefined if the upload may be large, because a large upload could take longer than the attempt timeout
   * of a trial.
   */
  protected override pickTrial(now: number): ConnectedCandidate | undefined {
    return fitsInPiece(this.request.body) ? super.pickTrial(now) : undefined;
  }

  protected override isQueued(attempt: Attempt): boolean {
    const { channel, stage } = attempt;
    return channel.isQueued ? stage === 'waiting' && channel.isQueued(attempt) : super.isQueued(attempt);
  }

  protected get isUpgrade(): boolean {
    return Boolean((this.request as { readonly upgrade?: unknown }).upgrade);
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

  /** Destroys, with `error`, a body stream whose upload was cut off. undici would destroy it without an error. */
  #releaseSentBody({ stage }: Attempt, error: Error): void {
    if (stage !== 'waiting' && !this.isReplayable) releaseBody(this.request.body, error);
  }

  protected override onSettled(): void {
    if (this.#isPending) {
      this.#isPending = false;
      this.context.pendingCalls--;
    }
    super.onSettled();
  }

  async #resolveThenSend(): Promise<void> {
    try {
      const picked = await this.prepareEndpoint();
      if (picked === undefined) return;
      const now = this.context.clock.now();
      const candidate = (now >= this.picker.trialDueAt ? this.pickTrial(now) : undefined) ?? picked;
      this.sendFirst(candidate, now);
    } catch (error) {
      this.fail(error);
    }
  }

  #dispatch(attempt: Attempt, now: number): void {
    attempt.channel.dispatch(this.#buildRequest(attempt, now), attempt, this.kind === 'once');
    attempt.accepted = true;
  }

  #buildRequest(attempt: Attempt, now: number, request = this.request): TransportRequest {
    const { number, candidate } = attempt;
    const sendsTimeout = this.#sendsTimeout;
    const isIdentified = this.#isIdentified(attempt);
    const ticket = this.#ticketFor(attempt);
    attempt.ticket = ticket;
    if (number === 1 && !sendsTimeout && !isIdentified && ticket === undefined) return request;
    const leftMs = sendsTimeout ? this.deadlineAt - now : undefined;
    const identity = isIdentified ? this.#identify(candidate.endpoint, number) : [];
    return attemptRequest(request, number, leftMs, identity, ticket);
  }

  get #sendsTimeout(): boolean {
    return propagatesDeadline(this.deadline, this.context.serviceTimeoutMs);
  }

  #isIdentified({ candidate }: Attempt): boolean {
    return this.kind === 'once' && idempotencyScopeOf(candidate.endpoint) !== undefined;
  }

  #ticketFor({ candidate: { endpoint } }: Attempt): string | undefined {
    return endpoint.keys.length === 0 ? undefined : this.context.ticketFor(endpoint);
  }

  #identify(endpoint: Endpoint, number: number): HeaderPairs {
    this.#identity ??= new CallIdentity(this.context.clock);
    return this.#identity.headersFor(endpoint, number > 1 && this.failover.retry.execution !== 'none');
  }
}
