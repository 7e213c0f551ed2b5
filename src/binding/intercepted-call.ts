import type { AsyncResource } from 'node:async_hooks';
import { ClerkError, isClerkError, type Execution } from '../core/errors.js';
import type { Endpoint } from '../core/endpoint.js';
import { interceptorError } from '../core/interceptor-error.js';
import type { RequestHandler } from '../core/transport.js';
import type { WholeBodyHandler } from '../invoke/body-collector.js';
import { tooManyPendingError, type CallContext } from '../invoke/call-context.js';
import {
  afterDelay,
  afterHead,
  effectiveTimeoutMs,
  reachedDeadline,
  type CallDeadline,
} from '../invoke/call-deadline.js';
import type { ClerkErrorHandler } from '../invoke/dispatched-call.js';
import type { HttpCall } from '../invoke/http-call.js';
import type { TimerEntry } from '../invoke/timer-wheel.js';
import { interceptedResponse, type BrokenBody, type OuterCall } from './intercepted-response.js';

/**
 * Time after the deadline, in ms, in which the inner call can end first. The error of the inner call is preferred,
 * because that error lists the attempts.
 */
const graceMs = 8;

export interface InterceptedCallOptions {
  readonly context: CallContext & { readonly maxResponseSize: number };
  /** The handler of the program. */
  readonly handler: RequestHandler;
  readonly deadline: CallDeadline;
  readonly asyncContext: AsyncResource;
  /** Whether errors of interceptors become a {@link ClerkError}. */
  readonly convertsErrors: boolean;
  /** Creates undici's error for an abort without a reason. */
  readonly createAbortError: () => Error;
  /** Passes the request to the outermost interceptor. */
  readonly dispatch: (call: InterceptedCall) => void;
}

/**
 * One call whose request passes through interceptors before an inner call, an {@link HttpCall}, sends the request.
 * Serves as the handler of the outermost interceptor. The deadline and an abort by the program end the call at once,
 * whatever the interceptors do.
 */
export class InterceptedCall implements RequestHandler, TimerEntry, OuterCall {
  expiresAt = 0;
  previous: TimerEntry | undefined = undefined;
  next: TimerEntry | undefined = undefined;
  execution: Execution = 'none';
  abortInner: ((reason?: Error) => void) | undefined = undefined;
  brokenBody: BrokenBody | undefined = undefined;
  readonly handler: RequestHandler;
  readonly #options: InterceptedCallOptions;
  readonly #startedAt: number;
  /** Time from the start to the deadline, in ms. */
  #limitMs = Infinity;
  #http: HttpCall | undefined = undefined;
  #abort: ((reason?: Error) => void) | undefined = undefined;
  #cancelReason: Error | undefined = undefined;
  #isWaiting = false;
  #isStreaming = false;
  #settled = false;

  constructor(options: InterceptedCallOptions) {
    this.handler = options.handler;
    this.#options = options;
    this.#startedAt = options.context.clock.now();
  }

  get name(): string {
    return this.#options.context.name;
  }

  get endpoint(): Endpoint | undefined {
    return this.#http?.endpoint;
  }

  get attemptCount(): number {
    return this.#http?.attemptCount ?? 0;
  }

  get maxResponseSize(): number {
    return this.#options.context.maxResponseSize;
  }

  start(): void {
    const { context, handler, deadline, asyncContext, dispatch } = this.#options;
    try {
      context.startCall();
    } catch (error) {
      this.#settled = true;
      handler.onError(error as Error);
      return;
    }
    if (context.pendingCalls >= context.maxPending) {
      this.#fail(tooManyPendingError(context));
      return;
    }
    context.pendingCalls++;
    this.#isWaiting = true;
    this.#limitMs = effectiveTimeoutMs(deadline, context.serviceTimeoutMs);
    context.wheel.set(this, this.#startedAt + this.#limitMs + graceMs);
    try {
      handler.onConnect((reason) => this.#cancel(reason));
      if (!this.#settled) asyncContext.runInAsyncScope(() => dispatch(this));
    } catch (error) {
      this.onError(error as Error);
    }
  }

  /**
   * Starts the inner call, within the deadline of this call. If an interceptor resumes a truncated response body with
   * another request, this request gets the full call timeout for its response headers.
   * @param handler - the handler of the innermost interceptor
   */
  send(
    handler: RequestHandler,
    create: (handler: RequestHandler, deadline: CallDeadline, asyncContext: AsyncResource) => HttpCall,
  ): void {
    const { context, deadline, asyncContext } = this.#options;
    if (this.#settled) {
      handler.onError(new Error('The request of the interceptor was not sent, because the call has ended'));
      return;
    }
    this.#stopWaiting();
    try {
      const elapsedMs = context.clock.now() - this.#startedAt;
      const shorten = this.#isStreaming ? afterHead : afterDelay;
      const left =
        elapsedMs === 0 ? deadline : shorten(deadline, elapsedMs, context.serviceTimeoutMs, context.name);
      this.#http = create(interceptedResponse(handler, this, this.#readsWholeBody), left, asyncContext);
    } catch (error) {
      handler.onError(error as Error);
      return;
    }
    this.#http.start();
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    if (this.#settled) abort(this.#cancelReason);
  }

  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    if (this.#settled) return true;
    if (!this.#readsWholeBody) this.#startStream();
    return this.handler.onHeaders(statusCode, headers, resume, statusText);
  }

  onData(chunk: Buffer): boolean {
    return this.#settled || this.handler.onData(chunk);
  }

  onComplete(trailers: string[] | null): void {
    if (this.#settled) return;
    this.#end();
    this.handler.onComplete(trailers);
  }

  onError(error: Error): void {
    if (this.#settled) return;
    this.#fail(this.#errorOf(error));
  }

  #errorOf(error: Error): Error {
    const { context, convertsErrors } = this.#options;
    const { execution, brokenBody } = this;
    if (error === brokenBody?.own) return this.#getsClerkErrors ? brokenBody.error : error;
    if (!convertsErrors || error === this.#cancelReason) return error;
    return interceptorError(`Call to ${context.name} was ended by an interceptor`, error, { execution });
  }

  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void {
    if (this.#settled) {
      (socket as { destroy?(): void } | undefined)?.destroy?.();
      return;
    }
    this.#end();
    this.handler.onUpgrade(statusCode, headers, socket);
  }

  expire(): void {
    const { context, deadline } = this.#options;
    const limit = reachedDeadline(deadline, context.serviceTimeoutMs, this.#limitMs);
    this.#cutOff(
      new ClerkError(
        'DEADLINE_EXCEEDED',
        `Call to ${context.name} exceeded ${limit} while an interceptor delayed the call`,
        { execution: this.execution },
      ),
    );
  }

  abort(error: Error): void {
    this.#cutOff(error);
  }

  /** Called when the response headers arrive. From then on, only `totalTimeoutMs` limits the call. */
  #startStream(): void {
    const { context, deadline } = this.#options;
    const { totalTimeoutMs, elapsedMs } = deadline;
    this.#isStreaming = true;
    this.#limitMs = totalTimeoutMs - elapsedMs;
    if (totalTimeoutMs === Infinity) context.wheel.clear(this);
    else context.wheel.set(this, this.#startedAt + this.#limitMs + graceMs);
  }

  get #readsWholeBody(): boolean {
    return (this.handler as Partial<WholeBodyHandler>).restart !== undefined;
  }

  get #getsClerkErrors(): boolean {
    const { convertsErrors, handler } = this.#options;
    return convertsErrors || (handler as Partial<ClerkErrorHandler>).getsClerkErrors === true;
  }

  #cancel(given: Error | undefined): void {
    if (this.#settled) return;
    const { context, createAbortError } = this.#options;
    const { name } = context;
    const reason = given ?? (this.#getsClerkErrors ? undefined : createAbortError());
    this.#cancelReason = reason;
    const isBodyAborted = this.#isStreaming && reason !== undefined;
    this.#cutOff(
      isBodyAborted
        ? reason
        : new ClerkError('ABORTED', `Call to ${name} was aborted by its caller`, {
            execution: this.execution,
            ...(reason !== undefined && { cause: reason }),
          }),
      reason,
    );
  }

  /**
   * Aborts the inner call through the interceptors before this call fails with `error`. The program can then get the
   * error of the inner call, which lists the outcomes of the attempts.
   */
  #cutOff(error: Error, reason: Error = error): void {
    if (this.#settled) return;
    this.#options.asyncContext.runInAsyncScope(() => {
      const abort = this.#abort;
      this.#abort = undefined;
      abort?.(reason);
      this.#fail(error);
      // An interceptor may have replaced `abort`, so the inner call is also aborted directly.
      this.abortInner?.(reason);
    });
  }

  #fail(error: Error): void {
    if (this.#settled) return;
    this.#end();
    this.handler.onError(this.#getsClerkErrors ? error : abortReasonOf(error));
  }

  #end(): void {
    this.#settled = true;
    const { context } = this.#options;
    this.#stopWaiting();
    context.wheel.clear(this);
    context.finishCall();
  }

  #stopWaiting(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#options.context.pendingCalls--;
  }
}

/** A program that uses undici's interface receives the reason of its abort as the error. */
function abortReasonOf(error: Error): Error {
  return isClerkError(error) && error.code === 'ABORTED' && error.cause !== undefined
    ? (error.cause as Error)
    : error;
}
