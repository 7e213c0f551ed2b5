import type { ConnectedCandidate } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { CallKind } from '../core/idempotency.js';
import { tooManyPendingError, type CallContext } from './call-context.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import { abortedError, deadlineError, withCallDetails } from './call-errors.js';
import { effectiveTimeoutMs, type CallDeadline } from './call-deadline.js';
import { RetryState } from './retry-state.js';
import type { TimerEntry } from './timer-wheel.js';

/** Options of a call that is not an HTTP request. */
export interface TimedCallOptions {
  readonly kind: CallKind;
  readonly constraints: PickConstraints;
  readonly deadline: CallDeadline;
  readonly signal: AbortSignal | undefined;
}

/**
 * Picks an endpoint within the deadline, without sending a request. As needed, first looks the service up, starts the
 * service or waits.
 */
export function reserveEndpoint(
  context: CallContext,
  picker: EndpointPicker,
  options: TimedCallOptions,
): Promise<ConnectedCandidate> {
  return new Promise((resolve, reject) => {
    new EndpointReservation(context, picker, options, resolve, reject).start();
  });
}

/** Returns the endpoint of `candidate`, with `address` set to the address that new requests use. */
export function withActiveAddress(candidate: ConnectedCandidate): Endpoint {
  const address = candidate.channel.address.text;
  return address === candidate.endpoint.address
    ? candidate.endpoint
    : Object.freeze({ ...candidate.endpoint, address });
}

/**
 * A call that first picks an endpoint and then runs `proceed`. Calls either `resolve` or `reject`, exactly once, at the
 * deadline of the call at the latest. Calls `reject` at once when the signal aborts or the clerk is destroyed.
 */
export abstract class TimedCall<T> implements TimerEntry {
  expiresAt = 0;
  previous: TimerEntry | undefined = undefined;
  next: TimerEntry | undefined = undefined;
  protected readonly state: RetryState;

  constructor(
    protected readonly context: CallContext,
    protected readonly picker: EndpointPicker,
    protected readonly options: TimedCallOptions,
    readonly resolve: (value: T) => void,
    readonly reject: (error: unknown) => void,
  ) {
    const startedAt = context.clock.now();
    this.state = new RetryState(context, picker, {
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
      this.reject(abortedError(this.state, options.signal.reason));
      return;
    }
    try {
      context.startCall();
    } catch (error) {
      this.reject(error);
      return;
    }
    options.signal?.addEventListener('abort', this.#onAbort);
    context.wheel.set(this, this.state.options.deadlineAt);
    void this.#run();
  }

  expire(now: number): void {
    const { deadlineAt } = this.state.options;
    if (now >= deadlineAt) this.fail(deadlineError(this.state));
    else this.context.wheel.set(this, deadlineAt);
  }

  /** Called when the clerk is destroyed. */
  abort(error: Error): void {
    this.abandonAttempt(error);
    this.fail(withCallDetails(this.state, error));
  }

  /** Called with the picked endpoint. Must end the call with `succeed` or `fail`. */
  protected abstract proceed(candidate: ConnectedCandidate): void;

  /** Ends the attempt in flight, if there is one. The attempt does not count against the endpoint. */
  protected abstract abandonAttempt(reason: unknown): void;

  protected succeed(value: T): void {
    this.#finish();
    this.resolve(value);
  }

  protected fail(error: unknown): void {
    if (this.state.settled) return;
    this.#finish();
    this.reject(error);
  }

  async #run(): Promise<void> {
    try {
      const candidate = await this.#pick();
      if (candidate === undefined) return;
      this.state.assertActive();
      this.proceed(candidate);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Picks an endpoint. Resolves with undefined when the call was settled in the meantime. */
  async #pick(): Promise<ConnectedCandidate | undefined> {
    const { context, picker, options, state } = this;
    let candidate = picker.pickCached(context.clock.now(), options.constraints);
    if (candidate) return candidate;
    if (context.pendingCalls >= context.maxPending) throw tooManyPendingError(context);
    context.pendingCalls++;
    try {
      while (candidate === undefined) {
        await picker.prepare(options.constraints, () => this.#updateDeadline());
        const now = context.clock.now();
        if (state.settled) return undefined;
        if (state.isTooLate(now)) throw deadlineError(state);
        candidate = picker.pick(now, options.constraints);
      }
      return candidate;
    } finally {
      context.pendingCalls--;
    }
  }

  /** Recalculates the deadline. Called when the service config is known, since the config may set the call timeout. */
  #updateDeadline(): void {
    const { options, settled } = this.state;
    if (settled) return;
    options.deadlineAt =
      options.startedAt + effectiveTimeoutMs(this.options.deadline, this.context.serviceTimeoutMs);
    this.context.wheel.set(this, options.deadlineAt);
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.options.signal?.reason;
    this.abandonAttempt(reason);
    this.fail(abortedError(this.state, reason));
  };

  #finish(): void {
    this.state.finish();
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    this.context.wheel.clear(this);
    this.context.finishCall();
  }
}

class EndpointReservation extends TimedCall<ConnectedCandidate> {
  protected proceed(candidate: ConnectedCandidate): void {
    this.succeed(candidate);
  }

  protected abandonAttempt(): void {
    // Nothing to end: a reservation makes no attempt.
  }
}
