/** The interfaces between an HTTP call, its failover and its handler. */
import type { AsyncResource } from 'node:async_hooks';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { CallKind } from '../core/idempotency.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import type { AttemptTimeout } from './attempt-timeout.js';
import type { Attempt, AttemptHandler } from './attempt.js';
import type { CallContext } from './call-context.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import type { CallDeadline } from './call-deadline.js';
import type { TimerEntry } from './timer-wheel.js';

/**
 * A handler that buffers the whole response body. If the body is truncated, the call can be retried, and the response
 * of the retry replaces the truncated response.
 */
export interface WholeBodyHandler extends RequestHandler {
  /** Discards everything received so far, because another response follows. */
  restart(): void;
}

/** The members of an HTTP call that its {@link Failover} uses. */
export interface FailoverHost extends AttemptHandler, TimerEntry {
  readonly context: CallContext;
  readonly picker: EndpointPicker;
  readonly request: TransportRequest;
  readonly handler: RequestHandler;
  readonly kind: CallKind;
  readonly constraints: PickConstraints;
  readonly deadline: CallDeadline;
  readonly asyncContext: AsyncResource;
  readonly attemptTimeout: AttemptTimeout;
  readonly startedAt: number;
  readonly deadlineAt: number;
  /** Whether the handler is a {@link WholeBodyHandler}. */
  readonly readsWholeBody: boolean;
  /**
   * Whether the call has ended: the handler has received its whole response or an error, or is about to receive one of
   * the two.
   */
  readonly settled: boolean;
  /** Number of attempts started so far. */
  readonly attemptCount: number;
  /** The attempt in flight, otherwise the last attempt; undefined before the first attempt. */
  attempt: Attempt | undefined;
  /** Whether the response headers of `attempt` were passed to the handler. */
  hasDeliveredHeaders: boolean;
  /**
   * Starts an attempt at `candidate`.
   *
   * @param hasReservedRetry - whether a retry was withdrawn from the budget for this attempt
   */
  send(candidate: ConnectedCandidate, pickReason: string, now: number, hasReservedRetry: boolean): void;
  /**
   * Returns the request that `attempt` sends. The request may contain added headers: the time left, the attempt number,
   * and the identity of a 'once' call.
   */
  buildRequest(attempt: Attempt, now: number): TransportRequest;
  /**
   * Reports the end of an attempt to health and refunds a reserved retry that was not spent. Has no effect on an
   * attempt that has already ended.
   */
  endAttempt(attempt: Attempt): void;
  /** Recalculates `deadlineAt`. Called when the service config is known, since the config may set the call timeout. */
  updateDeadline(): void;
  /** Ends the call with an error. */
  fail(error: Error): void;
  /**
   * Ends the call without calling the handler. The caller of this method must pass the response or the error to the
   * handler.
   */
  finish(): void;
}
