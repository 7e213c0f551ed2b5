import type { RequestHandler, TransportRequest } from '../core/transport.js';
import { parseExecutionHeaders } from './at-most-once.js';
import type { Attempt, AttemptHandler } from './attempt.js';
import type { FailoverHost } from './http-call-port.js';
import { retryAfterMs } from './retry-after.js';
import type { RetryState } from './retry-state.js';

/**
 * Decides which responses to an HTTP call are not delivered at once, because a retry may get a better response. These
 * are retryable responses (429, 502, 503, 504), and error responses to a 'once' call. The newest response that a retry
 * may replace is buffered, and is delivered if no retry gets a better response.
 */
export class DeferredResponses {
  readonly #call: FailoverHost;
  readonly #state: RetryState;
  #deferred: DeferredResponseHandler | undefined;

  constructor(call: FailoverHost, state: RetryState) {
    this.#call = call;
    this.#state = state;
  }

  /**
   * Defers a retryable response if another attempt is possible.
   *
   * @returns whether the response was deferred
   */
  deferIfRetryable(attempt: Attempt, headers: Buffer[], statusText: string, now: number): boolean {
    const state = this.#state;
    const { statusCode } = attempt;
    const waitMs = statusCode === 429 || statusCode === 503 ? this.#retryAfterMs(headers) : undefined;
    const canFailOver = statusCode !== 429 && state.canFailOver('answered', attempt.candidate, now);
    if (!canFailOver && (waitMs === undefined || !state.canWait('answered', waitMs, now))) return false;
    this.#defer(attempt, headers, statusText);
    state.record(attempt, statusCode === 429 ? 'ignored' : 'failure', String(statusCode), attempt.latencyMs);
    return true;
  }

  /**
   * Decides what follows a response with status ≥ 400 to a 'once' call. `deliver`: the response goes to the caller.
   * `retry`: another attempt follows. `unknown`: the call ends with `OUTCOME_UNKNOWN`.
   *
   * A service that rejects a retry may still have executed an earlier attempt. A response that rejects a retry is
   * therefore not delivered if an earlier attempt may have been executed.
   *
   * @see [C3.2](../../docs/guarantees.md#c3-2)
   * @see [C3.5](../../docs/guarantees.md#c3-5)
   * @see [C3.6](../../docs/guarantees.md#c3-6)
   */
  classifyAtMostOnce(
    attempt: Attempt,
    headers: Buffer[],
    statusText: string,
    now: number,
  ): 'deliver' | 'retry' | 'unknown' {
    const state = this.#state;
    const code = String(attempt.statusCode);
    const { isNotExecuted, status } = parseExecutionHeaders(headers, attempt.address);
    if (state.execution !== 'none') {
      if (!isNotExecuted && (status === undefined || status === 'replayed')) return 'deliver';
      state.record(attempt, 'ignored', code, attempt.latencyMs);
      this.#call.endAttempt(attempt);
      attempt.abandon(new Error('The response was dropped'));
      const isRunning = status === 'running';
      return isRunning && state.canPollRunning(this.#retryAfterMs(headers) ?? 1_000, now)
        ? 'retry'
        : 'unknown';
    }
    if (!isNotExecuted || !state.canRetryUnexecuted(now)) return 'deliver';
    attempt.stage = 'waiting';
    this.#defer(attempt, headers, statusText);
    state.record(attempt, 'failure', code, attempt.latencyMs);
    return 'retry';
  }

  /**
   * The deferred response. Undefined if no response is deferred, if its body is incomplete, or if the response may no
   * longer be delivered.
   */
  get complete(): DeferredResponseHandler | undefined {
    return this.#isStillValid && this.#deferred?.response.isComplete === true ? this.#deferred : undefined;
  }

  /**
   * Resolves with the deferred response when its body is complete. Resolves with undefined if there is no deferred
   * response, if the response may no longer be delivered, or if its body cannot be buffered.
   */
  async whenComplete(): Promise<DeferredResponseHandler | undefined> {
    const deferred = this.#isStillValid ? this.#deferred : undefined;
    return deferred !== undefined && (await deferred.response.completed) ? deferred : undefined;
  }

  /**
   * Abandons the attempt of the deferred response, if there is one. A response that is already complete can still be
   * delivered.
   */
  discard(): void {
    this.#deferred?.discard();
  }

  /**
   * Whether a deferred response may still be delivered. The deferred response to a 'once' call states that the call was
   * not executed. This is wrong if the endpoint of another attempt may have executed the call since.
   */
  get #isStillValid(): boolean {
    return this.#call.kind !== 'once' || this.#state.execution === 'none';
  }

  #retryAfterMs(headers: Buffer[]): number | undefined {
    return retryAfterMs(headers, this.#call.context.clock.wallNow());
  }

  #defer(attempt: Attempt, headers: Buffer[], statusText: string): void {
    this.#deferred?.discard();
    const copies = headers.map((header) => Buffer.from(header));
    this.#deferred = new DeferredResponseHandler(
      attempt,
      new BufferedResponse(attempt.statusCode, copies, statusText),
      () => this.#call.endAttempt(attempt),
    );
  }
}

/** Replaces the call as the handler of an attempt whose response is deferred. Writes the response body to a buffer. */
export class DeferredResponseHandler implements AttemptHandler {
  /** @param onEnded - called, possibly more than once, when the response is complete, has failed or is discarded */
  constructor(
    readonly attempt: Attempt,
    readonly response: BufferedResponse,
    readonly onEnded: () => void,
  ) {
    attempt.handler = this;
  }

  onData(attempt: Attempt, chunk: Buffer): boolean {
    if (!this.response.append(chunk)) attempt.abort(new Error('The response is too large to buffer'));
    return true;
  }

  onComplete(_attempt: Attempt, trailers: string[] | null): void {
    this.onEnded();
    this.response.complete(trailers);
  }

  onError(): void {
    this.onEnded();
    this.response.discard();
  }

  /**
   * Abandons the attempt, because another response replaces this one or the call has ended. A response that is already
   * complete can still be delivered.
   */
  discard(): void {
    this.onEnded();
    this.response.discard();
    this.attempt.abandon(new Error('The deferred response was discarded'));
  }

  onHeaders(): boolean {
    return true;
  }

  onInformation(): boolean {
    return true;
  }

  onDequeue(_attempt: Attempt, request: TransportRequest): TransportRequest {
    return request;
  }

  onConnect(): void {
    // Nothing to do: the request was sent before its response was deferred.
  }

  onBodySent(): void {
    // Not reported, since the caller sees the upload progress of the next attempt instead.
  }

  onRequestSent(): void {
    // Not reported, since the caller sees the upload progress of the next attempt instead.
  }

  onUpgrade(): void {
    // Never called, since a response with an error status does not upgrade the connection.
  }
}

const maxBytes = 65_536;

/** Headers and body of a deferred response. A response whose body exceeds 64 KiB never becomes complete. */
export class BufferedResponse {
  readonly #chunks: Buffer[] = [];
  readonly #completed: Promise<boolean>;
  #resolveCompleted: (isComplete: boolean) => void = () => undefined;
  /** Whether the whole body is buffered. */
  isComplete = false;
  #bytes = 0;
  #trailers: string[] | null = null;

  constructor(
    readonly statusCode: number,
    readonly headers: Buffer[],
    readonly statusText: string,
  ) {
    this.#completed = new Promise((resolve) => {
      this.#resolveCompleted = resolve;
    });
  }

  /**
   * Appends a chunk of the body.
   *
   * @returns false if the body exceeds 64 KiB; the chunk is not appended then
   */
  append(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > maxBytes) {
      this.#resolveCompleted(false);
      return false;
    }
    this.#chunks.push(Buffer.from(chunk));
    return true;
  }

  /** Called at the end of the body. Marks the response as complete unless the body exceeds 64 KiB. */
  complete(trailers: string[] | null): void {
    this.#trailers = trailers;
    this.isComplete = this.#bytes <= maxBytes;
    this.#resolveCompleted(this.isComplete);
  }

  /** Stops waiting for the rest of the body. If the body is still incomplete, `completed` resolves with false. */
  discard(): void {
    this.#resolveCompleted(false);
  }

  /**
   * Resolves with true when the whole body is buffered. Resolves with false when the body exceeds 64 KiB, breaks off or
   * is discarded.
   */
  get completed(): Promise<boolean> {
    return this.#completed;
  }

  /**
   * Delivers the whole response to `handler`. An error that a callback of the handler throws goes to the handler's
   * `onError`, as in undici.
   *
   * @param cancelReason - returns the reason with which the caller aborted the delivery, or undefined if the caller has
   * not aborted the delivery
   */
  deliver(handler: RequestHandler, cancelReason: () => Error | undefined): void {
    try {
      handler.onHeaders(this.statusCode, this.headers, () => undefined, this.statusText);
      for (const chunk of this.#chunks) if (cancelReason() === undefined) handler.onData(chunk);
      const reason = cancelReason();
      if (reason === undefined) handler.onComplete(this.#trailers);
      else handler.onError(reason);
    } catch (error) {
      handler.onError(error as Error);
    }
  }
}
