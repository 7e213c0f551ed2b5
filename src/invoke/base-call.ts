import { FailoverState } from './failover-state.js';
import type { CallAttempt } from './call-attempt.js';
import type { AsyncResource } from 'node:async_hooks';
import type { ConnectedCandidate } from '../core/candidate.js';
import { ClerkError, isClerkError } from '../core/errors.js';
import type { CallKind } from '../core/idempotency.js';
import type { Verdict } from '../core/outcome.js';
import type { AttemptTimeout } from './attempt-timeout.js';
import type { CallContext } from './call-context.js';
import { effectiveTimeoutMs, type CallDeadline } from './call-deadline.js';
import { abortedError, deadlineError, withCallDetails } from './call-errors.js';
import { codeOf } from './error-code.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import type { RetryBudget } from './retry-budget.js';
import { RetryState, type RetriedCall } from './retry-state.js';
import type { RetryConfig, RetrySettings } from './retry-settings.js';
import type { TimerEntry } from './timer-wheel.js';

export interface CallParameters {
  readonly kind: CallKind;
  readonly constraints: PickConstraints;
  readonly deadline: CallDeadline;
}

/** Attempt timeout of a trial, in ms. A second attempt starts after it, so a trial delays a call by at most 20 ms. */
export const trialTimeoutMs = 20;

const absenceCodes: ReadonlySet<string> = new Set(['NAME_NOT_FOUND', 'NO_ENDPOINT', 'VERSION_MISMATCH']);
const unreadyCodes: ReadonlySet<string> = new Set(['ENDPOINTS_EXHAUSTED', 'REGISTRY_UNREACHABLE']);
/**
 * Maximum number of repeated lookups of one call. One repeated lookup is not enough, because this lookup may fail, or
 * may join an older lookup in flight.
 */
const maxLookups = 2;

export abstract class BaseCall<A extends CallAttempt> implements TimerEntry, RetriedCall {
  expiresAt = 0;
  previous: TimerEntry | undefined = undefined;
  next: TimerEntry | undefined = undefined;
  attemptCount = 0;
  settled = false;
  hasRun = false;
  readonly startedAt: number;
  deadlineAt: number;
  protected config: RetryConfig;
  /** The attempt whose response was accepted; before that, the newest attempt. */
  protected attempt: A | undefined = undefined;
  #failover: FailoverState<A> | undefined = undefined;

  constructor(
    readonly context: CallContext,
    readonly picker: EndpointPicker,
    readonly kind: CallKind,
    readonly constraints: PickConstraints,
    readonly deadline: CallDeadline,
    readonly asyncContext: AsyncResource,
  ) {
    this.startedAt = context.clock.now();
    this.config = context.retryConfig(deadline.overrides);
    // An integer, because V8 allocates fractional numbers on the heap. Rounded down, because a deadline must not grow
    // from service to service.
    this.deadlineAt = Math.floor(this.startedAt + effectiveTimeoutMs(deadline, context.serviceTimeoutMs));
  }

  abstract expire(now: number): void;
  abstract readonly isReplayable: boolean;
  protected abstract readonly attemptTimeout: AttemptTimeout;
  protected abstract readonly isUpgrade: boolean;
  /** Whether the caller has received headers that no other response can replace. */
  protected abstract readonly isStreaming: boolean;
  protected abstract abandon(attempt: A, reason: unknown): void;
  protected abstract reportError(error: unknown): void;
  protected onSettled(): void {}

  get retries(): RetrySettings | undefined {
    return this.deadline.allowsRetries ? this.config.retries : undefined;
  }

  get budget(): RetryBudget {
    return this.config.budget;
  }

  get waitsForReady(): boolean {
    return this.deadline.waitsForReady;
  }

  get isPending(): boolean {
    return false;
  }

  get isNestedRetry(): boolean {
    return !this.deadline.allowsRetries;
  }

  abort(error: Error): void {
    if (!this.settled) this.endEarly(error, () => withCallDetails(this.failover.retry, error));
  }

  /**
   * State that a call needs once its first attempt fails, is late, or cannot be sent at once. Created on first use.
   */
  protected get failover(): FailoverState<A> {
    if (this.#failover === undefined) {
      const { attempt } = this;
      const isInFlight = attempt !== undefined && !attempt.ended && attempt.stage !== 'answered';
      this.#failover = new FailoverState(
        new RetryState(this.context, this.picker, this),
        isInFlight ? attempt : undefined,
      );
    }
    return this.#failover;
  }

  protected get hasFailover(): boolean {
    return this.#failover !== undefined;
  }

  protected get isRacing(): boolean {
    return this.#failover !== undefined && this.#failover.inFlight.length > 1;
  }

  protected timeoutMs(candidate: ConnectedCandidate, now: number): number {
    const ms = this.attemptTimeout.timeoutMs(
      now,
      this.config.attemptTimeout,
      this.deadlineAt - this.startedAt,
    );
    return candidate.isTrial && ms > trialTimeoutMs ? trialTimeoutMs : ms;
  }

  protected isQueued({ stage, candidate }: A): boolean {
    return stage === 'waiting' && candidate.pending > this.context.connections;
  }

  protected track(attempt: A): void {
    this.attempt = attempt;
    this.#failover?.inFlight.push(attempt);
  }

  protected replace(attempt: A, replacement: A): void {
    if (this.attempt === attempt) this.attempt = replacement;
    this.failover.replace(attempt, replacement);
  }

  protected untrack(attempt: A): void {
    this.#failover?.remove(attempt);
  }

  /**
   * Picks an endpoint. If necessary, first looks the service up, starts the service, or waits until a connection
   * backoff has ended. A call with `waitForReady` waits until an endpoint can be used. Resolves with undefined if the
   * call is settled before an endpoint is picked.
   */
  protected async prepareEndpoint(): Promise<ConnectedCandidate | undefined> {
    const { context, picker, constraints } = this;
    for (let lookups = 0; ; lookups++) {
      try {
        await picker.prepare(constraints, () => this.#updateDeadline());
      } catch (error) {
        if (!this.settled) await this.#waitAfter(error, lookups < maxLookups);
        if (this.settled) return undefined;
        continue;
      }
      if (this.settled) return undefined;
      const now = context.clock.now();
      const { retry } = this.failover;
      if (retry.isTooLate(now)) throw deadlineError(retry);
      const candidate = picker.pick(now, constraints);
      if (candidate !== undefined) return candidate;
    }
  }

  protected accept(winner: A, now: number): void {
    this.attempt = winner;
    const state = this.#failover;
    if (state === undefined) return;
    state.hedgeAt = Infinity;
    this.cancelOthers(winner, now);
    state.inFlight = [];
  }

  protected cancelOthers(attempt: A, now: number): void {
    const { inFlight } = this.failover;
    for (const other of inFlight) if (other !== attempt) this.cancelAttempt(other, 'SUPERSEDED', now);
    this.failover.inFlight = inFlight.filter((other) => other === attempt);
  }

  protected endAttempt(attempt: A): void {
    if (attempt.ended) return;
    attempt.ended = true;
    if (attempt.hasReservedRetry) this.budget.refund();
    attempt.hasReservedRetry = false;
    this.context.health.attemptEnded(attempt.candidate, attempt.isHeld);
  }

  protected record(attempt: A, verdict: Verdict, code: string, durationMs: number, error?: unknown): void {
    if (attempt.isRecorded) return;
    attempt.isRecorded = true;
    this.failover.retry.record(attempt, verdict, code, durationMs, error);
  }

  protected endFailed(attempt: A, verdict: Verdict, error: unknown, now: number): void {
    this.record(attempt, verdict, codeOf(error), now - attempt.startedAt, error);
    this.endAttempt(attempt);
    this.untrack(attempt);
  }

  protected fail(error: unknown): void {
    if (this.settled) return;
    this.finish();
    this.reportError(error);
  }

  /** Runs in the async context of the call, because the current async context may belong to another call. */
  protected endEarly(reason: unknown, createError: () => ClerkError): void {
    this.asyncContext.runInAsyncScope(() => {
      const now = this.context.clock.now();
      for (const attempt of this.unended()) this.stop(attempt, 'ignored', 'ABORTED', reason, now);
      // A caller that has the headers receives the reason as the error of the body stream.
      this.fail(this.isStreaming && reason !== undefined ? reason : createError());
    });
  }

  protected abortedError(reason: unknown): ClerkError {
    return abortedError(this.failover.retry, reason);
  }

  /** Settles the call and cancels its attempts in flight. The caller must then deliver the response or the error. */
  protected finish(): void {
    this.settled = true;
    const { context } = this;
    context.wheel.clear(this);
    const state = this.#failover;
    if (state !== undefined) {
      const now = context.clock.now();
      for (const attempt of state.inFlight) this.cancelAttempt(attempt, 'ABORTED', now);
      state.inFlight = [];
      state.retry.finish();
    }
    this.onSettled();
    context.finishCall();
  }

  protected arm(now: number): void {
    if (this.settled || this.isStreaming) return;
    const at = this.#failover?.nextCheckAt(now) ?? Infinity;
    this.context.wheel.set(this, Math.min(this.deadlineAt, at));
  }

  protected unended(): readonly A[] {
    const { attempt } = this;
    const { inFlight } = this.failover;
    return attempt === undefined || attempt.ended || inFlight.includes(attempt)
      ? inFlight
      : [...inFlight, attempt];
  }

  protected cancelAttempt(attempt: A, code: string, now: number): void {
    const { id } = attempt.candidate.endpoint;
    const error = new ClerkError(
      'ABORTED',
      `The attempt at endpoint ${id} was cancelled, because the call no longer needs this attempt`,
    );
    this.stop(attempt, 'ignored', code, error, now);
  }

  protected stop(attempt: A, verdict: Verdict, code: string, reason: unknown, now: number): void {
    if (attempt.stage === 'sent') this.reportAbandoned(attempt, attempt.sentAt, now);
    this.record(attempt, verdict, code, now - attempt.startedAt, reason);
    this.endAttempt(attempt);
    this.abandon(attempt, reason);
  }

  protected reportAbandoned({ candidate }: A, since: number, now: number): void {
    const { health, wheel } = this.context;
    const stalledMs = wheel.stalls.lastEndedAt > since ? wheel.stalls.stalledMsSince(since) : 0;
    health.attemptAbandoned(candidate, now - since - stalledMs, now, this.attemptTimeout.medianMs);
  }

  /** Waits until the call can look for an endpoint again after `error`. Throws `error` if the call must not wait. */
  async #waitAfter(error: unknown, mayLookAgain: boolean): Promise<void> {
    const { picker } = this;
    if (!isClerkError(error)) throw error;
    // The known lookup is older than the call. The service or endpoint may have registered since, so look it up again.
    if (mayLookAgain && absenceCodes.has(error.code) && picker.resolvedAt() < this.startedAt) {
      await picker.lookAgain();
      return;
    }
    if (!this.waitsForReady || !(absenceCodes.has(error.code) || unreadyCodes.has(error.code))) throw error;
    this.failover.retry.waitedFor = error;
    await picker.untilChanged();
  }

  #updateDeadline(): void {
    if (this.settled) return;
    const { deadline, context } = this;
    this.config = context.retryConfig(deadline.overrides);
    this.deadlineAt = Math.floor(this.startedAt + effectiveTimeoutMs(deadline, context.serviceTimeoutMs));
    context.wheel.set(this, this.deadlineAt);
  }
}
