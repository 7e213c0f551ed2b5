/** The interfaces between an HTTP call, its failover and its handler. */
import type { AsyncResource } from 'node:async_hooks';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { CallKind } from '../core/idempotency.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import type { AttemptTimeout } from './attempt-timeout.js';
import type { Attempt, AttemptHandler } from './attempt.js';
import type { CallContext, PickConstraints } from './call-context.js';
import type { CallDeadline } from './call-deadline.js';
import type { TimerEntry } from './timer-wheel.js';

/** A handler that buffers the whole body, so a truncated response can be replaced by another one. */
export interface WholeBodyHandler extends RequestHandler {
  /** Discards everything received; another response follows. */
  restart(): void;
}

/** What {@link Failover} reads and controls of the call it belongs to. */
export interface FailoverHost extends AttemptHandler, TimerEntry {
  readonly context: CallContext;
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
  /** Whether the handler has its final response or error, or is about to get it. */
  readonly settled: boolean;
  /** Number of attempts started. */
  readonly attemptCount: number;
  /** The attempt in flight, else the last one. */
  attempt: Attempt | undefined;
  /** Whether the handler has the headers of the current response. */
  hasDeliveredHeaders: boolean;
  /** Starts an attempt. `hasReservedRetry`: a retry was withdrawn from the budget for it. */
  send(candidate: ConnectedCandidate, pickReason: string, now: number, hasReservedRetry: boolean): void;
  /** The request as this attempt sends it, with the headers of {@link callHeaders} that apply. */
  buildRequest(attempt: Attempt, now: number): TransportRequest;
  /** Reports the end of an attempt to health; has no effect the second time. */
  endAttempt(attempt: Attempt): void;
  /** Recalculates the deadline once the service config, which may set the timeout, is known. */
  updateDeadline(): void;
  /** Ends the call with an error. */
  fail(error: Error): void;
  /** Ends the call without calling the handler; the code that calls this method does that. */
  finish(): void;
}
