/**
 * Answers that the program does not get at once: "not now" (429, 502, 503, 504), and what a service says of a call that
 * must run at most once besides running it. One is kept aside, and is the answer after all if nobody does better.
 */
import type { Attempt } from './attempt.js';
import { DeferredResponseHandler } from './deferred-response-handler.js';
import { BufferedResponse } from './buffered-response.js';
import { parseExecutionHeaders } from './at-most-once.js';
import { retryAfterMs } from './retry-rules.js';
import type { RetryState } from './retry-state.js';
import type { FailoverHost } from './http-call-port.js';

/** See the file's header. */
export class DeferredResponses {
  readonly #call: FailoverHost;
  readonly #state: RetryState;
  #deferred: DeferredResponseHandler | undefined;

  constructor(call: FailoverHost, state: RetryState) {
    this.#call = call;
    this.#state = state;
  }

  /** Whether an answer that says "not now" is passed over for another try; then it is kept aside. */
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
   * What an answer to a call that must run at most once is: `answer`, the program's; `again`, a word to ask somebody, or
   * the same, once more; `lost`, a word that says no more than that nobody knows what became of it.
   *
   * @see promises C3.2 (a refusal of a repeat says nothing of the attempt before it), C3.5, C3.6
   */
  classifyAtMostOnce(
    attempt: Attempt,
    headers: Buffer[],
    statusText: string,
    now: number,
  ): 'answer' | 'again' | 'lost' {
    const state = this.#state;
    const code = String(attempt.statusCode);
    const { isNotExecuted, status } = parseExecutionHeaders(headers, attempt.address);
    if (state.execution !== 'none') {
      if (!isNotExecuted && (status === undefined || status === 'replayed')) return 'answer';
      state.record(attempt, 'ignored', code, attempt.latencyMs);
      this.#call.endAttempt(attempt);
      attempt.abandon(new Error('The answer is not wanted'));
      const isRunning = status === 'running';
      return isRunning && state.canPollRunning(this.#retryAfterMs(headers) ?? 1_000, now) ? 'again' : 'lost';
    }
    if (!isNotExecuted || !state.canRetryUnexecuted(now)) return 'answer';
    attempt.stage = 'waiting';
    this.#defer(attempt, headers, statusText);
    state.record(attempt, 'failure', code, attempt.latencyMs);
    return 'again';
  }

  /** The answer that was kept, if it is there in full and still says what became of the call. */
  get complete(): DeferredResponseHandler | undefined {
    return this.#isStillValid && this.#deferred?.response.isComplete === true ? this.#deferred : undefined;
  }

  /** The same once it has arrived in full; undefined when there is none, or it cannot. */
  async whenComplete(): Promise<DeferredResponseHandler | undefined> {
    const deferred = this.#isStillValid ? this.#deferred : undefined;
    return deferred !== undefined && (await deferred.response.completed) ? deferred : undefined;
  }

  /** The call is over: nothing more is heard of what was kept. */
  discard(): void {
    this.#deferred?.discard();
  }

  /** "It did not run" is no answer any more once a later attempt may have run it. */
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
