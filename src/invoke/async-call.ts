import { AsyncResource } from 'node:async_hooks';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { AttemptTimeout } from './attempt-timeout.js';
import { tooManyPendingError, type CallContext } from './call-context.js';
import type { CallFacts } from './retry-decision.js';
import type { EndpointPicker } from './endpoint-picker.js';
import type { CallParameters } from './base-call.js';
import type { CallAttempt } from './call-attempt.js';
import { FailoverCall } from './failover-call.js';

export interface AsyncCallOptions extends CallParameters {
  readonly signal: AbortSignal | undefined;
}

const customRoute = { method: '(call)', route: '' };

/** A call that settles a promise. Calls `resolve` or `reject` exactly once, by the deadline of the call. */
export abstract class AsyncCall<T, A extends CallAttempt> extends FailoverCall<A> {
  readonly isReplayable = true;
  protected readonly isUpgrade = false;
  protected readonly isStreaming = false;
  protected readonly deferred: CallFacts['deferred'] = 'none';
  protected readonly attemptTimeout: AttemptTimeout;
  readonly #signal: AbortSignal | undefined;

  constructor(
    context: CallContext,
    picker: EndpointPicker,
    { kind, constraints, deadline, signal }: AsyncCallOptions,
    readonly resolve: (value: T) => void,
    readonly reject: (error: unknown) => void,
  ) {
    super(context, picker, kind, constraints, deadline, new AsyncResource('CLERK_CALL'));
    this.attemptTimeout = context.timeouts.forRoute(customRoute.method, customRoute.route);
    this.#signal = signal;
  }

  start(): void {
    const { context } = this;
    const signal = this.#signal;
    if (signal?.aborted === true) {
      this.reject(this.abortedError(signal.reason));
      return;
    }
    try {
      context.startCall();
    } catch (error) {
      this.reject(error);
      return;
    }
    signal?.addEventListener('abort', this.#onAbort);
    context.wheel.set(this, this.deadlineAt);
    void this.#run();
  }

  /** Called with the picked endpoint. Must end the call with `succeed` or `fail`. */
  protected abstract proceed(candidate: ConnectedCandidate): void;

  protected succeed(value: T): void {
    this.finish();
    this.resolve(value);
  }

  protected reportError(error: unknown): void {
    this.reject(error);
  }

  protected redial(): boolean {
    return false;
  }

  protected settleDeferred(): boolean {
    return false;
  }

  protected override onSettled(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  async #run(): Promise<void> {
    try {
      const candidate = await this.#pick();
      if (candidate !== undefined && !this.settled) this.proceed(candidate);
    } catch (error) {
      this.fail(error);
    }
  }

  async #pick(): Promise<ConnectedCandidate | undefined> {
    const { context, picker, constraints } = this;
    const now = context.clock.now();
    const trial = now >= picker.trialDueAt ? this.pickTrial(now) : undefined;
    const candidate = trial ?? picker.pickCached(now, constraints);
    if (candidate !== undefined) return candidate;
    if (context.pendingCalls >= context.maxPending) throw tooManyPendingError(context);
    context.pendingCalls++;
    try {
      return await this.prepareEndpoint();
    } finally {
      context.pendingCalls--;
    }
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#signal?.reason;
    if (!this.settled) this.endEarly(reason, () => this.abortedError(reason));
  };
}
