import type { ConnectedCandidate } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import type { Stage } from '../core/outcome.js';
import type { AttemptRecord } from './attempt-log.js';
import type { CallContext } from './call-context.js';
import type { EndpointPicker } from './endpoint-picker.js';
import { deadlineError, outcomeUnknownError } from './call-errors.js';
import { codeOf } from './classify-error.js';
import { TimedCall, withActiveAddress, type TimedCallOptions } from './reserve-endpoint.js';

/** Second argument of a {@link CallFunction}. */
export interface CallFunctionContext {
  /** Aborted when the attempt fails, times out or is abandoned. A function that still runs should then stop. */
  readonly signal: AbortSignal;
  /** Number of the attempt within its call; the first attempt is 1. */
  readonly attempt: number;
}

/** The application's function for `call()`: communicates with one endpoint in any protocol. */
export type CallFunction<T> = (endpoint: Endpoint, context: CallFunctionContext) => Promise<T> | T;

/** Options of {@link runCustomCall}. */
export interface CustomCallOptions extends TimedCallOptions {
  /** Whether the function only opens a connection. A failed attempt then counts as certainly not executed. */
  readonly connectOnly?: boolean;
}

/** Key of the attempt timeout that all custom calls of a service share. HTTP calls use their method as the key. */
const customMethod = '(call)';

/** The attempt in flight. */
interface ActiveAttempt extends AttemptRecord {
  readonly startedAt: number;
  readonly abortController: AbortController;
  readonly reject: (error: unknown) => void;
}

/**
 * Calls `run`, a function of the application, with an endpoint of the service. If `run` fails and the kind of the call
 * allows a retry, calls `run` again with another endpoint. What a failed `run` has sent is unknown, so every attempt
 * counts as sent unless `connectOnly` is set.
 */
export function runCustomCall<T>(
  context: CallContext,
  picker: EndpointPicker,
  run: CallFunction<T>,
  options: CustomCallOptions,
): Promise<T> {
  return new Promise((resolve, reject) => {
    new CustomCall(context, picker, run, options, resolve, reject).start();
  });
}

class CustomCall<T> extends TimedCall<T> {
  #attemptCount = 0;
  /**
   * The stage that is recorded for every attempt without a result, since the real stage is unknown: `waiting` with
   * `connectOnly`, otherwise `sent`.
   */
  readonly #stage: Stage;
  #active: ActiveAttempt | undefined;

  constructor(
    context: CallContext,
    picker: EndpointPicker,
    readonly run: CallFunction<T>,
    options: CustomCallOptions,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    super(context, picker, options, resolve, reject);
    this.#stage = options.connectOnly === true ? 'waiting' : 'sent';
  }

  override expire(now: number): void {
    const active = this.#active;
    const { context, state } = this;
    if (now >= state.options.deadlineAt) {
      if (active)
        this.#failAttempt(active, 'DEADLINE_EXCEEDED', new Error('The call exceeded its deadline'), now);
      this.fail(deadlineError(state));
    } else if (active && this.#graceUntil(active, now) > 0) {
      context.wheel.set(this, Math.min(this.#graceUntil(active, now), state.options.deadlineAt));
    } else if (active && state.canFailOver(this.#stage, active.candidate, now)) {
      const error = new ClerkError(
        'DEADLINE_EXCEEDED',
        `Endpoint ${active.candidate.endpoint.id} did not respond within ${String(Math.round(now - active.startedAt))} ms`,
      );
      this.#failAttempt(active, 'ATTEMPT_TIMEOUT', error, now);
      active.reject(error);
    } else {
      context.wheel.set(this, state.recheckAt(this.#stage, now));
    }
  }

  protected proceed(candidate: ConnectedCandidate): void {
    void this.#execute(candidate);
  }

  async #execute(first: ConnectedCandidate): Promise<void> {
    const { context, state } = this;
    try {
      let candidate = first;
      context.budget.deposit(context.clock.now());
      let pickReason = this.picker.policyName;
      const value = await context.retry(
        () =>
          // A listener of the `failover` event may have aborted the call.
          state.settled
            ? Promise.reject(outcomeUnknownError(state))
            : this.#runAttempt(candidate, pickReason),
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
      if (!state.settled) this.succeed(value);
    } catch (error) {
      this.fail(error);
    }
  }

  #runAttempt(candidate: ConnectedCandidate, pickReason: string): Promise<T> {
    const { context, run } = this;
    const number = ++this.#attemptCount;
    const startedAt = context.clock.now();
    const abortController = new AbortController();
    if (this.state.takeReservedRetry()) context.budget.spent(startedAt);
    context.health.attemptStarted(candidate);
    if (context.reporter.hasListeners('picked'))
      context.reporter.emit('picked', {
        name: context.name,
        endpoint: candidate.endpoint.id,
        pickReason,
        attempt: number,
      });
    return new Promise<T>((resolve, reject) => {
      if (this.state.settled) {
        context.health.attemptEnded(candidate, false);
        reject(outcomeUnknownError(this.state));
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
      // The attempt of a 'once' call has no attempt timeout, since no other attempt may replace this attempt. Only the
      // deadline of the call ends the attempt.
      if (this.options.kind !== 'once')
        context.wheel.set(
          this,
          Math.min(
            this.state.options.deadlineAt,
            startedAt + context.timeouts.forMethod(customMethod).timeoutAt(startedAt),
          ),
        );
      // Calls `run` synchronously. If the caller aborts the call in the same tick, the recorded stage `sent` is then
      // correct.
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
          context.health.attemptEnded(candidate, true);
          if (context.reporter.hasListeners('attempt'))
            this.state.record({ ...active, stage: 'answered' }, 'success', 'ok', now - startedAt);
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

  /** Ends an attempt that failed or timed out. */
  #failAttempt(active: ActiveAttempt, code: string, error: unknown, now: number): void {
    const { context } = this;
    this.#active = undefined;
    const { candidate, startedAt } = active;
    const timedOut = code === 'ATTEMPT_TIMEOUT' || code === 'DEADLINE_EXCEEDED';
    // A timeout caused by a stall of this process does not count against the endpoint.
    const isOwnStall = timedOut && this.#graceUntil(active, now) > 0;
    if (timedOut && !isOwnStall)
      context.timeouts
        .forMethod(customMethod)
        .record(now - startedAt - context.wheel.stalls.stalledMsSince(startedAt), now);
    const evidence = isSystemError(error) ? 'reset' : 'status';
    if (!timedOut) context.health.attemptFailed(candidate, evidence, startedAt, now);
    else if (!isOwnStall) context.health.attemptLate(candidate, startedAt, now);
    context.health.attemptEnded(candidate, !timedOut && evidence === 'status');
    this.state.record(active, isOwnStall ? 'ignored' : 'failure', code, now - startedAt, error);
    active.abortController.abort(error);
  }

  /** See {@link StallTracker.graceUntil}. */
  #graceUntil({ startedAt }: ActiveAttempt, now: number): number {
    const { wheel, timeouts } = this.context;
    return wheel.stalls.graceUntil(startedAt, timeouts.forMethod(customMethod).timeoutAt(now), now);
  }

  protected abandonAttempt(reason: unknown): void {
    const active = this.#active;
    if (active === undefined) return;
    this.#active = undefined;
    this.context.health.attemptEnded(active.candidate, false);
    this.state.record(active, 'ignored', 'ABORTED', this.context.clock.now() - active.startedAt, reason);
    active.abortController.abort(reason);
  }
}

/**
 * Whether the operating system reported the error. Health counts such an error as a broken connection, and any other
 * error as a failure response.
 */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
