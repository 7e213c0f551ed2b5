/**
 * The terms of one call: the program's, else those of the service's own record, narrowed by the call that this program
 * is serving meanwhile.
 */
import { ClerkError } from '../core/errors.js';
import type { InboundRequest } from '../core/inbound-request.js';
import { minAttemptMs } from './retry-rules.js';

/** See the file's header. */
export interface CallDeadline {
  /** How long it may take, in ms, > 0. */
  readonly timeoutMs: number;
  /** The program has set that time; else it is the clerk's default, and the service's record may say another. */
  readonly isExplicit: boolean;
  /** How much of that time was gone before the call began, in ms: a question that it had to ask first. Else 0. */
  readonly elapsedMs: number;
  /** What the call being served leaves, in ms, > 0; `Infinity` where none is served, or without a deadline. */
  readonly inboundLeftMs: number;
  /** Whether what was sent may be sent again. False while a repeat is served: one layer repeats. @see promises C4.3 */
  readonly allowsRetries: boolean;
}

/** A call to somebody takes at least so long, so that calls in a circle come to an end however fast they are, in ms. */
const perHopMs = 1;

/**
 * The same, within what is left of the call being served.
 *
 * @param name - of the service that is called, for the message
 * @throws a `ClerkError` `DEADLINE_EXCEEDED` when next to nothing is left. @see promises C2.2
 */
export function capToInbound(
  deadline: CallDeadline,
  inbound: InboundRequest,
  now: number,
  name: string,
): CallDeadline {
  const inboundLeftMs = inbound.deadlineAt - now - perHopMs;
  if (inboundLeftMs < minAttemptMs)
    throw new ClerkError(
      'DEADLINE_EXCEEDED',
      `Call of ${name} was not begun: the call that this program is serving has next to no time left, so nobody would wait for the answer`,
    );
  return { ...deadline, inboundLeftMs, allowsRetries: deadline.allowsRetries && inbound.attempt <= 1 };
}

/**
 * The same, when `spentMs` of its time have gone by.
 *
 * @param recordMs - what the service's record says, as far as that is known
 * @param name - of the service that is called, for the message
 * @throws a `ClerkError` `DEADLINE_EXCEEDED` when most of its time is gone and next to nothing is left
 */
export function afterDelay(
  deadline: CallDeadline,
  delayMs: number,
  recordMs: number | undefined,
  name: string,
): CallDeadline {
  const shortened = {
    ...deadline,
    elapsedMs: deadline.elapsedMs + delayMs,
    inboundLeftMs: deadline.inboundLeftMs - delayMs,
  };
  if (isTooShort(effectiveTimeoutMs(shortened, recordMs), delayMs))
    throw new ClerkError(
      'DEADLINE_EXCEEDED',
      `Call of ${name} was not begun: ${String(Math.round(delayMs))} ms went by before it could be, and next to no time is left`,
    );
  return shortened;
}

/** Whether a first attempt would have too little time, most of the call's being gone. @see promises C2.2 */
export function isTooShort(leftMs: number, elapsedMs: number): boolean {
  return leftMs < minAttemptMs && leftMs < elapsedMs;
}

/**
 * How long a call may take from its beginning, in ms; not above 0 when its time is over.
 *
 * @param recordMs - what the service's record says, as far as that is known
 */
export function effectiveTimeoutMs(
  { timeoutMs, isExplicit, elapsedMs, inboundLeftMs }: CallDeadline,
  recordMs: number | undefined,
): number {
  const timeoutLeftMs = (isExplicit || recordMs === undefined ? timeoutMs : recordMs) - elapsedMs;
  return timeoutLeftMs < inboundLeftMs ? timeoutLeftMs : inboundLeftMs;
}

/**
 * Whether the service is told how much time is left: where the program, the service's record or whoever is served has
 * set a time. The clerk's own default is a guard and no statement of anybody.
 */
export function propagatesDeadline(
  { isExplicit, inboundLeftMs }: CallDeadline,
  serviceTimeoutMs: number | undefined,
): boolean {
  return isExplicit || serviceTimeoutMs !== undefined || inboundLeftMs < Infinity;
}
