/**
 * A call in any protocol: the program does the talking, on the endpoint it is given, and is asked again on another one
 * where its kind allows that. Nothing is known of how far its talk got, so everything counts as sent.
 */
import type { CallKind } from '../core/idempotency.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import type { Stage } from '../core/outcome.js';
import type { AttemptRecord } from './attempt-log.js';
import { codeOf } from './classify-error.js';
import { tooManyPendingError, type CallContext, type PickConstraints } from './call-context.js';
import { effectiveTimeoutMs, type CallDeadline } from './deadline.js';
import { RetryState } from './retry-state.js';
import type { TimerEntry } from './timer-wheel.js';
import { abortedError, deadlineError, outcomeUnknownError, withCallDetails } from './call-errors.js';

/** What a program's talk is told. */
export interface CallFunctionContext {
  /** Aborted when the attempt is given up or the call is over; stop talking then. */
  readonly signal: AbortSignal;
  /** Number of the attempt; the first is 1. */
  readonly attempt: number;
}

/** The program's talk with one endpoint. */
export type CallFunction<T> = (endpoint: Endpoint, context: CallFunctionContext) => Promise<T> | T;

/** What a conversation is made with. */
export interface CustomCallOptions {
  readonly kind: CallKind;
  readonly constraints: PickConstraints;
  readonly deadline: CallDeadline;
  readonly signal: AbortSignal | undefined;
  /** The talk sends nothing, so a failure of it leaves nothing unknown. */
  readonly connectOnly?: boolean;
}

const customMethod = '(call)';

/** The attempt that is under way. */
interface ActiveAttempt extends AttemptRecord {
  readonly startedAt: number;
  readonly abortController: AbortController;
  readonly reject: (error: unknown) => void;
}

/** Talks to an endpoint of the service, and to another one if that failed and may be repeated. */
export function runCustomCall<T>(
  context: CallContext,
  run: CallFunction<T>,
  options: CustomCallOptions,
): Promise<T> {
  return new Promise((resolve, reject) => {
    new CustomCall(context, run, options, resolve as (value: unknown) => void, reject).start();
  });
}

/** Chooses an endpoint and nothing more: looks up, starts and waits if that must come first, within the call's time. */
export function reserveEndpoint(
  context: CallContext,
  options: CustomCallOptions,
): Promise<ConnectedCandidate> {
  return new Promise((resolve, reject) => {
    new CustomCall(context, undefined, options, resolve as (value: unknown) => void, reject).start();
  });
}

/** The endpoint with the address that is in use. */
export function withActiveAddress(candidate: ConnectedCandidate): Endpoint {
  const address = candidate.channel.address.text;
  return address === candidate.endpoint.address
    ? candidate.endpoint
    : Object.freeze({ ...candidate.endpoint, address });
}

class CustomCall<T> implements TimerEntry {
  expiresAt = 0;
  previous: TimerEntry | undefined = undefined;
  next: TimerEntry | undefined = undefined;
  readonly #state: RetryState;
  #attemptCount = 0;
  /** How far a talk has got that is under way: nobody knows, so as far as it can. */
  readonly #stage: Stage;
  #active: ActiveAttempt | undefined;

  constructor(
    readonly context: CallContext,
    readonly run: CallFunction<T> | undefined,
    readonly options: CustomCallOptions,
    /** With what the talk returned, or with the candidate where there is no talk. */
    readonly resolve: (value: unknown) => void,
    readonly reject: (error: unknown) => void,
  ) {
    const startedAt = context.clock.now();
    this.#stage = options.connectOnly === true ? 'waiting' : 'sent';
    this.#state = new RetryState(context, {
      kind: options.kind,
      constraints: options.constraints,
      isReplayable: true,
      allowsRetries: options.deadline.allowsRetries,
      startedAt,
      deadlineAt: startedAt + effectiveTimeoutMs(options.deadline, context.serviceTimeoutMs),
    });
  }

  start(): void {
    const { context, options } = this;
    if (options.signal?.aborted === true) {
      this.reject(abortedError(this.#state, options.signal.reason));
      return;
    }
    try {
      context.startCall();
    } catch (error) {
      this.reject(error);
      return;
    }
    options.signal?.addEventListener('abort', this.#onAbort);
    context.wheel.set(this, this.#state.options.deadlineAt);
    void this.#execute();
  }

  expire(now: number): void {
    const active = this.#active;
    const { context } = this;
    if (now >= this.#state.options.deadlineAt) {
      if (active) this.#failAttempt(active, 'DEADLINE_EXCEEDED', new Error('The call ran out of time'), now);
      this.#fail(deadlineError(this.#state));
    } else if (active && this.#graceUntil(active, now) > 0) {
      context.wheel.set(this, Math.min(this.#graceUntil(active, now), this.#state.options.deadlineAt));
    } else if (active && this.#state.canFailOver(this.#stage, active.candidate, now)) {
      const error = new ClerkError(
        'DEADLINE_EXCEEDED',
        `${active.candidate.endpoint.id} did not answer within ${String(Math.round(now - active.startedAt))} ms`,
      );
      this.#failAttempt(active, 'ATTEMPT_TIMEOUT', error, now);
      active.reject(error);
    } else {
      context.wheel.set(this, this.#state.recheckAt(this.#stage, now));
    }
  }

  abort(error: Error): void {
    this.#abandonAttempt(error);
    this.#fail(withCallDetails(this.#state, error));
  }

  async #execute(): Promise<void> {
    const { context } = this;
    const state = this.#state;
    try {
      const { run } = this;
      let candidate = await this.#pick();
      if (candidate === undefined) return;
      state.assertActive();
      if (run === undefined) {
        this.#finish();
        this.resolve(candidate);
        return;
      }
      context.budget.deposit(context.clock.now());
      let pickReason = context.policyName;
      const value = await context.retry(
        () =>
          // Whoever watches, or this loop's own steps, may have let the program end the call.
          state.settled
            ? Promise.reject(outcomeUnknownError(state))
            : this.#runAttempt(run, candidate as ConnectedCandidate, pickReason),
        async () => {
          state.assertActive();
          context.wheel.set(this, state.options.deadlineAt);
          const from = state.outcomes.at(-1);
          candidate = await state.nextCandidate();
          state.assertActive();
          pickReason = 'failover';
          if (from && context.reporter.hasListeners('failover'))
            context.reporter.emit('failover', {
              name: context.name,
              from: from.endpoint,
              to: candidate.endpoint.id,
              outcome: from,
            });
        },
      );
      if (state.settled) return;
      this.#finish();
      this.resolve(value);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Undefined when the call was settled meanwhile. */
  async #pick(): Promise<ConnectedCandidate | undefined> {
    const { context, options } = this;
    let candidate = context.pickCached(context.clock.now(), options.constraints);
    if (candidate) return candidate;
    if (context.pendingCalls >= context.maxPending) throw tooManyPendingError(context);
    context.pendingCalls++;
    try {
      while (candidate === undefined) {
        await context.prepare(options.constraints, () => this.#updateDeadline());
        const now = context.clock.now();
        if (this.#state.settled) return undefined;
        if (this.#state.isTooLate(now)) throw deadlineError(this.#state);
        candidate = context.pick(now, options.constraints);
      }
      return candidate;
    } finally {
      context.pendingCalls--;
    }
  }

  /** The service's record is known now, and may say how long a call may take. */
  #updateDeadline(): void {
    const { options, settled } = this.#state;
    if (settled) return;
    options.deadlineAt =
      options.startedAt + effectiveTimeoutMs(this.options.deadline, this.context.serviceTimeoutMs);
    this.context.wheel.set(this, options.deadlineAt);
  }

  #runAttempt(run: CallFunction<T>, candidate: ConnectedCandidate, pickReason: string): Promise<T> {
    const { context } = this;
    const number = ++this.#attemptCount;
    const startedAt = context.clock.now();
    const abortController = new AbortController();
    if (this.#state.takeReservedRetry()) context.budget.spent(startedAt);
    context.health.attemptStarted(candidate);
    if (context.reporter.hasListeners('picked'))
      context.reporter.emit('picked', {
        name: context.name,
        endpoint: candidate.endpoint.id,
        pickReason,
        attempt: number,
      });
    return new Promise<T>((resolve, reject) => {
      if (this.#state.settled) {
        context.health.attemptEnded(candidate);
        reject(outcomeUnknownError(this.#state));
        return;
      }
      const { address } = candidate.channel;
      const stage = this.#stage;
      const active = {
        candidate,
        address,
        number,
        pickReason,
        stage,
        startedAt,
        abortController,
        reject,
      };
      this.#active = active;
      // A call that must run at most once cannot be given up for another try: only the deadline ends it.
      if (this.options.kind !== 'once')
        context.wheel.set(
          this,
          Math.min(
            this.#state.options.deadlineAt,
            startedAt + context.timeouts.forMethod(customMethod).timeoutAt(startedAt),
          ),
        );
      // At once: a call that is given up in this tick knows whether it ran.
      new Promise<T>((resolveRun) => {
        resolveRun(run(withActiveAddress(candidate), { signal: abortController.signal, attempt: number }));
      }).then(
        (value) => {
          if (this.#active !== active) return;
          const now = context.clock.now();
          const latencyMs = now - startedAt - context.wheel.stalls.stalledMsSince(startedAt);
          this.#active = undefined;
          context.timeouts.forMethod(customMethod).record(latencyMs, now);
          context.health.responseReceived(candidate, latencyMs, now);
          context.health.attemptEnded(candidate);
          if (context.reporter.hasListeners('attempt'))
            this.#state.record({ ...active, stage: 'answered' }, 'success', 'ok', now - startedAt);
          resolve(value);
        },
        (error: unknown) => {
          if (this.#active !== active) return;
          this.#failAttempt(active, codeOf(error), error, context.clock.now());
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /** An attempt is over without a value. */
  #failAttempt(active: ActiveAttempt, code: string, error: unknown, now: number): void {
    const { context } = this;
    this.#active = undefined;
    const { candidate, startedAt } = active;
    const timedOut = code === 'ATTEMPT_TIMEOUT' || code === 'DEADLINE_EXCEEDED';
    // A deadline that this process slept through says nothing of the endpoint.
    const isOwnStall = timedOut && this.#graceUntil(active, now) > 0;
    if (timedOut && !isOwnStall)
      context.timeouts
        .forMethod(customMethod)
        .record(now - startedAt - context.wheel.stalls.stalledMsSince(startedAt), now);
    const evidence = timedOut ? 'timeout' : isSystemError(error) ? 'reset' : 'status';
    if (!isOwnStall) context.health.attemptFailed(candidate, evidence, startedAt, now);
    context.health.attemptEnded(candidate);
    this.#state.record(active, isOwnStall ? 'ignored' : 'failure', code, now - startedAt, error);
    active.abortController.abort(error);
  }

  /** See {@link OwnLag.graceUntil}. */
  #graceUntil({ startedAt }: ActiveAttempt, now: number): number {
    const { wheel, timeouts } = this.context;
    return wheel.stalls.graceUntil(startedAt, timeouts.forMethod(customMethod).timeoutAt(now), now);
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.options.signal?.reason;
    this.#abandonAttempt(reason);
    this.#fail(abortedError(this.#state, reason));
  };

  /** Ends the attempt that is under way through no fault of the endpoint. */
  #abandonAttempt(reason: unknown): void {
    const active = this.#active;
    if (active === undefined) return;
    this.#active = undefined;
    this.context.health.attemptEnded(active.candidate);
    this.#state.record(active, 'ignored', 'ABORTED', this.context.clock.now() - active.startedAt, reason);
    active.abortController.abort(reason);
  }

  #fail(error: unknown): void {
    if (this.#state.settled) return;
    this.#finish();
    this.reject(error);
  }

  #finish(): void {
    this.#state.finish();
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    this.context.wheel.clear(this);
    this.context.finishCall();
  }
}

/** For health only: an error of the operating system is hard evidence, one of the program's own is a failed answer. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
