/** The ports between the two halves of an HTTP call: what the slow half may see and do of the warm one. */
import type { AsyncResource } from 'node:async_hooks';
import type { CallKind } from '../core/idempotency.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import type { Attempt, AttemptHandler } from './attempt.js';
import type { LatencyHistogram } from './attempt-timeout.js';
import type { CallContext, PickConstraints } from './call-context.js';
import type { CallDeadline } from './deadline.js';
import type { TimerEntry } from './timer-wheel.js';

/** A handler that reads the whole body can start again when the body breaks off. */
export interface WholeBodyHandler extends RequestHandler {
  /** Forget what was heard; another answer follows. */
  restart(): void;
}

/** A call, as its rescue sees it. */
export interface FailoverHost extends AttemptHandler, TimerEntry {
  readonly context: CallContext;
  readonly request: TransportRequest;
  readonly handler: RequestHandler;
  readonly kind: CallKind;
  readonly constraints: PickConstraints;
  readonly deadline: CallDeadline;
  readonly asyncContext: AsyncResource;
  readonly histogram: LatencyHistogram;
  readonly startedAt: number;
  readonly deadlineAt: number;
  /** The handler reads the whole body: a {@link WholeBodyHandler}. */
  readonly readsWholeBody: boolean;
  /** The handler has heard its answer or error, or is about to. */
  readonly settled: boolean;
  /** Attempts made. */
  readonly attemptCount: number;
  /** The attempt under way, else the last one. */
  attempt: Attempt | undefined;
  /** The handler has the head of an answer. */
  hasDeliveredHeaders: boolean;
  /** Begins an attempt. `paid`: a repeat was set aside for it. */
  send(candidate: ConnectedCandidate, pickReason: string, now: number, hasReservedRetry: boolean): void;
  /** The request as the attempt sends it: with what the service is told of the call. */
  buildRequest(attempt: Attempt, now: number): TransportRequest;
  /** Tells health, once, that an attempt is over. */
  endAttempt(attempt: Attempt): void;
  /** The service's record is known now: the deadline is reckoned anew where it is the record's to say. */
  updateDeadline(): void;
  /** Ends the call with an error. */
  fail(error: Error): void;
  /** Ends the call; the handler is told by whoever calls this. */
  finish(): void;
}
