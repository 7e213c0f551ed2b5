import type { AsyncResource } from 'node:async_hooks';
import type { Endpoint } from '../core/endpoint.js';
import type { CallKind } from '../core/idempotency.js';
import type { Outcome } from '../core/outcome.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import { parseExecutionHeaders } from './idempotency-headers.js';
import type { Attempt, AttemptHandler } from './attempt.js';
import type { WholeBodyHandler } from './body-collector.js';
import type { CallContext } from './call-context.js';
import { minAttemptMs, type CallDeadline } from './call-deadline.js';
import type { CallAction, CallFacts, Settlement } from './retry-decision.js';
import { callbackError, truncatedError } from './call-errors.js';
import { isFailureStatus, isRetryableStatus } from './retryable-status.js';
import { CollectedResponse } from './collected-response.js';
import { DeferredOutcome } from './deferred-outcome.js';
import { DeferredResponse } from './deferred-response.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import { codeOf } from './error-code.js';
import { FailoverCall } from './failover-call.js';
import { isFailureResponse, reportResponse } from './report-response.js';
import { hasRetryAfter, retryAfterMs } from './parse-retry-after.js';

const noOutcomes: readonly Outcome[] = [];

/** The response side of an HTTP call. Defers an error response while another attempt may get a better response. */
export abstract class ResponseDelivery extends FailoverCall<Attempt> implements AttemptHandler {
  readonly #readsWholeBody: boolean;
  #hasDeliveredHeaders = false;
  #deferred: DeferredOutcome | undefined = undefined;
  /** Reason with which the caller aborted the call during the delivery of a deferred response. */
  #cancelReason: Error | undefined = undefined;

  constructor(
    context: CallContext,
    picker: EndpointPicker,
    readonly handler: RequestHandler,
    kind: CallKind,
    constraints: PickConstraints,
    deadline: CallDeadline,
    asyncContext: AsyncResource,
  ) {
    super(context, picker, kind, constraints, deadline, asyncContext);
    this.#readsWholeBody = (handler as Partial<WholeBodyHandler>).restart !== undefined;
  }

  abstract onDequeue(attempt: Attempt, request: TransportRequest): TransportRequest;
  abstract onConnect(attempt: Attempt): void;
  abstract onError(attempt: Attempt, error: Error): void;
  abstract onBodySent(attempt: Attempt, chunk: unknown): void;
  abstract onRequestSent(attempt: Attempt): void;

  get endpoint(): Endpoint | undefined {
    return this.attempt?.candidate.endpoint;
  }

  onResponseStarted(attempt: Attempt): void {
    const { handler } = this;
    if (handler.onResponseStarted === undefined) return;
    try {
      handler.onResponseStarted();
    } catch (error) {
      this.#failOnCallbackError(attempt, error);
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
    const earlier = attempt.number > 1 ? this.failover.retry.outcomes : noOutcomes;
    reportResponse(attempt, statusCode, headers, this.context, this.attemptTimeout, earlier, now);
    const renewal = statusCode === 401 ? this.#renewTicket(attempt, headers) : undefined;
    if (
      this.isRacing ||
      (statusCode >= 400 && (renewal !== undefined || this.#mayReplace(attempt, statusCode)))
    ) {
      const delayMs = this.#retryAfterMs(attempt, headers, now);
      const actions = this.decide(
        {
          type: 'response',
          attempt: this.factsOf(attempt),
          statusCode,
          retryAfterMs: delayMs,
          execution: parseExecutionHeaders(headers, attempt.address),
          canRenewTicket: renewal !== undefined,
        },
        now,
      );
      const [first] = actions;
      if (first?.do === 'collect') {
        this.hasRun = true;
        attempt.checkAt = Infinity;
        attempt.handler = new CollectedResponse(
          this,
          attempt,
          statusCode,
          headers,
          resume,
          statusText,
          (response) => this.#deliver(response),
        );
        return true;
      }
      if (first?.do !== 'settle' || first.with !== 'response')
        return this.#deferOrDrop(
          attempt,
          actions,
          now,
          renewal,
          () =>
            new DeferredResponse(attempt, statusCode, headers, resume, statusText, () =>
              this.endAttempt(attempt),
            ),
        );
    }
    // An error response may state that the endpoint did not execute the call.
    if (statusCode < 400 || !parseExecutionHeaders(headers, attempt.address).isNotExecuted)
      this.hasRun = true;
    this.#startDelivery(attempt, now);
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
    // The connection now belongs to the application. For health, the attempt stays in flight until the socket closes.
    attempt.ended = true;
    const emitter = socket as { once?(event: string, listener: () => void): void } | undefined;
    if (emitter?.once) emitter.once('close', () => context.health.attemptEnded(candidate, true));
    else context.health.attemptEnded(candidate, true);
    this.#succeed(attempt);
    this.handler.onUpgrade(statusCode, headers, socket);
  }

  protected get isStreaming(): boolean {
    return this.#hasDeliveredHeaders && !this.#readsWholeBody;
  }

  protected get deferred(): CallFacts['deferred'] {
    return this.#deferred === undefined || this.#isOutdated ? 'none' : this.#deferred.kindFor(this.retries);
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
    if (!this.#readsWholeBody) this.#deferred?.discard();
    this.restartResponse();
    this.#deliver(response);
    return true;
  }

  protected override get readsWholeBody(): boolean {
    return this.#readsWholeBody;
  }

  #deliver(response: DeferredResponse): void {
    const { attempt } = response;
    this.#startDelivery(attempt, this.context.clock.now());
    attempt.handler = this;
    if (response.isComplete) this.#succeed(attempt);
    const aborted = new Error('The call has ended');
    try {
      response.deliver(this.handler, () =>
        response.isComplete || !this.settled ? this.#cancelReason : aborted,
      );
    } catch (error) {
      this.#failOnCallbackError(attempt, error);
    }
  }

  protected override restartResponse(): void {
    this.#hasDeliveredHeaders = false;
    if (this.#readsWholeBody) (this.handler as WholeBodyHandler).restart();
  }

  protected override onSettled(): void {
    this.#deferred?.discard();
  }

  protected cancel(reason: Error | undefined): void {
    if (this.settled) {
      this.#cancelReason ??= reason ?? this.abortedError(reason);
      return;
    }
    this.endEarly(reason, () => this.abortedError(reason));
  }

  protected deferError(error: Error): void {
    this.#getDeferred().error = error;
  }

  /**
   * Accepts the response of an attempt. For a handler that reads the whole body, the deadline of the call stays in
   * force. For any other handler, `totalTimeoutMs` sets a new deadline.
   */
  #startDelivery(attempt: Attempt, now: number): void {
    const { wheel } = this.context;
    if (this.hasFailover && isFailureStatus(attempt.statusCode)) this.#reportFailedCall(attempt, now);
    this.accept(attempt, now);
    this.#hasDeliveredHeaders = true;
    if (this.#readsWholeBody) {
      wheel.set(this, this.deadlineAt);
      const otherExecution = this.hasFailover ? this.failover.retry.execution : 'none';
      (this.handler as WholeBodyHandler).startResponse(attempt.address, otherExecution);
      return;
    }
    const { totalTimeoutMs, elapsedMs } = this.deadline;
    if (totalTimeoutMs === Infinity) {
      wheel.clear(this);
      return;
    }
    this.deadlineAt = Math.floor(this.startedAt + totalTimeoutMs - elapsedMs);
    wheel.set(this, this.deadlineAt);
  }

  /** Reports to health that the call failed at several endpoints, because the call itself may be the cause. */
  #reportFailedCall({ candidate }: Attempt, now: number): void {
    const { outcomes } = this.failover.retry;
    const failed = new Set(outcomes.filter(isFailureResponse).map(({ endpoint }) => endpoint));
    failed.add(candidate.endpoint.id);
    if (failed.size > 1) this.context.health.callFailed([...failed], this.startedAt, now);
  }

  #mayReplace({ candidate }: Attempt, statusCode: number): boolean {
    return this.kind === 'once' || isRetryableStatus(statusCode, this.retries?.statuses, candidate.isDoubted);
  }

  #deferOrDrop(
    attempt: Attempt,
    actions: readonly CallAction[],
    now: number,
    renewal: Promise<void> | undefined,
    createDeferred: () => DeferredResponse,
  ): boolean {
    const { statusCode, latencyMs, candidate } = attempt;
    const { retry } = this.failover;
    this.untrack(attempt);
    if (this.attempt === attempt) this.attempt = undefined;
    const isDeferred = actions[0]?.do === 'defer';
    const isFailure = isFailureStatus(statusCode);
    // A response to a 'once' call is deferred only if it states that the endpoint did not execute the call. The
    // attempt then counts as not sent.
    if (isDeferred && (this.kind === 'once' || renewal !== undefined)) attempt.stage = 'waiting';
    this.record(attempt, isDeferred && isFailure ? 'failure' : 'ignored', String(statusCode), latencyMs);
    attempt.isTicketRenewed = isDeferred && renewal !== undefined;
    if (renewal === undefined) retry.requiresBudget = true;
    else if (actions.some((action) => action.do === 'send')) retry.repeatWithTicket(candidate, renewal);
    if (isDeferred && this.#getDeferred().accepts(statusCode, this.retries)) {
      this.#getDeferred().keep(createDeferred());
    } else {
      this.endAttempt(attempt);
      attempt.abandon(new Error('The response was dropped'));
    }
    this.carryOut(actions, now);
    return true;
  }

  /** An invalid `Retry-After` counts as a request to retry after the usual backoff. */
  #retryAfterMs(attempt: Attempt, headers: Buffer[], now: number): number | undefined {
    const { statusCode } = attempt;
    const delayMs = retryAfterMs(headers, this.context.clock.wallNow());
    if (this.kind === 'once' || (statusCode !== 429 && statusCode !== 503)) return delayMs;
    if (delayMs === undefined)
      return hasRetryAfter(headers) ? this.failover.retry.nextBackoffMs() : undefined;
    if (now + delayMs > this.deadlineAt - minAttemptMs) attempt.retryAfterMs = delayMs;
    return delayMs;
  }

  /**
   * Requests another ticket after the endpoint refused one. Returns undefined if the call must not be repeated, or if
   * no other ticket can be requested.
   */
  #renewTicket(attempt: Attempt, headers: Buffer[]): Promise<void> | undefined {
    if (this.hasFailover && this.failover.retry.hasRenewedTicket) return undefined;
    if (!parseExecutionHeaders(headers, attempt.address).isNotExecuted) return undefined;
    const renewal = this.context.renewTicket(attempt.candidate.endpoint, attempt.ticket);
    renewal?.catch(() => undefined);
    return renewal;
  }

  #getDeferred(): DeferredOutcome {
    return (this.#deferred ??= new DeferredOutcome());
  }

  /**
   * A deferred response to a 'once' call states that the call was not executed. The response must not be
   * delivered if another attempt may have been executed.
   */
  get #isOutdated(): boolean {
    return this.kind === 'once' && this.failover.retry.execution !== 'none';
  }

  /**
   * Ends the call because a callback of the caller's handler threw. The failure does not count against the endpoint.
   */
  #failOnCallbackError(attempt: Attempt, error: unknown): boolean {
    if (this.settled) return true;
    const { retry } = this.failover;
    const cause = error as Error;
    if (!attempt.ended) this.endFailed(attempt, 'ignored', cause, this.context.clock.now());
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
}
