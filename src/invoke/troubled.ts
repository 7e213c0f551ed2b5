/** The ports between the two halves of an HTTP call: what the slow half may see and do of the warm one. */
import type { AsyncResource } from 'node:async_hooks';
import type { Kind } from '../core/call.js';
import type { Reachable } from '../core/candidate.js';
import type { WireHandler, WireRequest } from '../core/transport.js';
import type { Attempt, AttemptOwner } from './attempt.js';
import type { LatencyWindow } from './limits.js';
import type { Site, Wish } from './site.js';
import type { Terms } from './terms.js';
import type { WheelEntry } from './wheel.js';

/** A handler that reads the whole body can start again when the body breaks off. */
export interface WholeBodyHandler extends WireHandler {
  /** Forget what was heard; another answer follows. */
  restart(): void;
}

/** A call, as its rescue sees it. */
export interface Troubled extends AttemptOwner, WheelEntry {
  readonly site: Site;
  readonly request: WireRequest;
  readonly handler: WireHandler;
  readonly kind: Kind;
  readonly wish: Wish;
  readonly terms: Terms;
  readonly scope: AsyncResource;
  readonly window: LatencyWindow;
  readonly startedAt: number;
  readonly deadlineAt: number;
  /** The handler reads the whole body: a {@link WholeBodyHandler}. */
  readonly whole: boolean;
  /** The handler has heard its answer or error, or is about to. */
  readonly settled: boolean;
  /** Attempts made. */
  readonly attempts: number;
  /** The attempt under way, else the last one. */
  attempt: Attempt | undefined;
  /** The handler has the head of an answer. */
  accepted: boolean;
  /** Begins an attempt. `paid`: a repeat was set aside for it. */
  send(candidate: Reachable, chosen: string, now: number, paid: boolean): void;
  /** The request as the attempt sends it: with what the service is told of the call. */
  wire(attempt: Attempt, now: number): WireRequest;
  /** Tells health, once, that an attempt is over. */
  over(attempt: Attempt): void;
  /** The service's record is known now: the deadline is reckoned anew where it is the record's to say. */
  reckon(): void;
  /** Ends the call with an error. */
  settle(error: Error): void;
  /** Ends the call; the handler is told by whoever calls this. */
  close(): void;
}
