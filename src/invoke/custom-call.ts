import type { Address } from '../core/address.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { EndpointTls } from '../core/endpoint-tls.js';
import type { Stage } from '../core/outcome.js';
import type { CallContext } from './call-context.js';
import { reportPick } from './call-events.js';
import type { EndpointPicker } from './endpoint-picker.js';
import type { CallAttempt } from './call-attempt.js';
import { AsyncCall, type AsyncCallOptions } from './async-call.js';
import { withActiveAddress } from './reserve-endpoint.js';

/** Second argument of a {@link CallFunction}. */
export interface CallFunctionContext {
  /**
   * Aborted when the attempt fails or is abandoned, and at the deadline of the call. The function should stop when the
   * signal is aborted.
   */
  readonly signal: AbortSignal;
  /** Number of the attempt within its call, from 1. */
  readonly attempt: number;
  /**
   * Options for `tls.connect` that let the connection succeed only if the endpoint proves its key. Undefined for an
   * endpoint without keys. @see [C7.3](../../docs/guarantees.md#c7-3)
   */
  readonly tls: EndpointTls | undefined;
  /** Ticket for the service, valid on connections that use `tls`. Undefined if the service needs no ticket. */
  readonly ticket: string | undefined;
}

/** A function of the application for `call()`. The function talks to one endpoint in any protocol. */
export type CallFunction<T> = (endpoint: Endpoint, context: CallFunctionContext) => Promise<T> | T;

export interface CustomCallOptions extends AsyncCallOptions {
  /** Whether the function only opens a connection. If so, a failed attempt counts as not executed. */
  readonly connectOnly?: boolean;
}

/**
 * Calls `run` with an endpoint of the service. Calls `run` with another endpoint after a failure, if the kind of the
 * call allows a retry. A safe or idempotent call also tries another endpoint after the attempt timeout.
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

class CustomAttempt implements CallAttempt {
  readonly isHeld = false;
  readonly abortController = new AbortController();
  readonly address: Address;
  sentAt: number;
  isLate = false;
  ended = false;
  isRecorded = false;
  hasReservedRetry = false;

  constructor(
    readonly candidate: ConnectedCandidate,
    readonly number: number,
    readonly pickReason: string,
    /** Assumed while the program's function runs, because the clerk cannot see how far the attempt got. */
    public stage: Stage,
    readonly startedAt: number,
    public checkAt: number,
  ) {
    this.address = candidate.channel.address;
    this.sentAt = startedAt;
  }

  dueAt(timeoutMs: number): number {
    return Math.ceil(this.sentAt + timeoutMs);
  }
}

class CustomCall<T> extends AsyncCall<T, CustomAttempt> {
  readonly #run: CallFunction<T>;
  readonly #stage: Stage;
  readonly #failedAt = new Set<string>();

  constructor(
    context: CallContext,
    picker: EndpointPicker,
    run: CallFunction<T>,
    options: CustomCallOptions,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    super(context, picker, options, resolve, reject);
    this.#run = run;
    this.#stage = options.connectOnly === true ? 'waiting' : 'sent';
  }

  protected proceed(candidate: ConnectedCandidate): void {
    this.sendFirst(candidate, this.context.clock.now());
  }

  protected startAttempt(
    candidate: ConnectedCandidate,
    pickReason: string,
    now: number,
    hasReservedRetry: boolean,
  ): void {
    const { context } = this;
    if (hasReservedRetry) this.budget.spent(now);
    const number = ++this.attemptCount;
    const checkAt = Math.ceil(now + this.timeoutMs(candidate, now));
    const attempt = new CustomAttempt(candidate, number, pickReason, this.#stage, now, checkAt);
    context.health.attemptStarted(candidate);
    this.failover.inFlight.push(attempt);
    this.attempt = attempt;
    this.arm(now);
    reportPick(context, attempt);
    // A listener of the event `picked` may have aborted the call.
    if (attempt.ended) return;
    // Runs the function in this tick. If it ran later, a call that is aborted before its run would count as sent.
    new Promise<T>((resolve) => {
      const { signal } = attempt.abortController;
      const { endpoint } = candidate;
      const proof =
        endpoint.keys.length === 0
          ? { tls: undefined, ticket: undefined }
          : { tls: context.tlsFor(endpoint), ticket: context.ticketFor(endpoint) };
      resolve(this.#run(withActiveAddress(candidate), { signal, attempt: number, ...proof }));
    }).then(
      (value) => this.#onResult(attempt, value),
      (error: unknown) => this.#onFailure(attempt, error),
    );
  }

  protected override reportError(error: unknown): void {
    const failedAt = [...this.#failedAt];
    const { context, startedAt } = this;
    if (failedAt.length > 1) context.health.callFailed(failedAt, startedAt, context.clock.now());
    super.reportError(error);
  }

  protected abandon(attempt: CustomAttempt, reason: unknown): void {
    attempt.abortController.abort(reason);
  }

  #onResult(attempt: CustomAttempt, value: T): void {
    if (attempt.ended) return;
    const { context } = this;
    const now = context.clock.now();
    const { startedAt, candidate } = attempt;
    const latencyMs = now - startedAt - context.wheel.stalls.stalledMsSince(startedAt);
    attempt.stage = 'answered';
    this.attemptTimeout.record(latencyMs, now);
    context.health.responseReceived(candidate, latencyMs, now, this.attemptTimeout.medianMs);
    this.endAttempt(attempt);
    this.accept(attempt, now);
    if (context.reporter.hasListeners('attempt')) this.record(attempt, 'success', 'ok', now - startedAt);
    this.succeed(value);
  }

  #onFailure(attempt: CustomAttempt, thrown: unknown): void {
    if (attempt.ended) return;
    const { context } = this;
    const now = context.clock.now();
    const { candidate, startedAt } = attempt;
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const isSystem = isSystemError(thrown);
    // After a failure at another endpoint, the call may be the cause, so this failure counts against no endpoint.
    const evidence = isSystem ? 'reset' : this.#failedAt.size > 0 ? 'repeated' : 'failure';
    context.health.attemptFailed(candidate, evidence, startedAt, now);
    if (!isSystem) this.#failedAt.add(candidate.endpoint.id);
    this.endFailed(attempt, 'failure', thrown, now);
    attempt.abortController.abort(error);
    const event = { type: 'failure', attempt: this.factsOf(attempt), cause: 'network' } as const;
    this.carryOut(this.decide(event, now), now, undefined, error);
  }
}

/**
 * Health counts an error of the operating system as a broken connection, and any other error as a failure response.
 */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
