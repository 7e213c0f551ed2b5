import { ClerkError } from '../core/errors.js';
import type { InboundRequest } from '../core/inbound-request.js';
import type { RetryOverrides } from '../core/retry-options.js';
import { minAttemptMs } from './resend-safety.js';

/**
 * The time limits of a call. A call made while the program serves an inbound request ends by the deadline of that
 * request.
 */
export interface CallDeadline {
  /** The timeout that the application set for the call, otherwise the default of the clerk. */
  readonly timeoutMs: number;
  /** Whether the application set `timeoutMs`. If false, a timeout in the service config replaces `timeoutMs`. */
  readonly isExplicit: boolean;
  /** Timeout with the response body; `Infinity` without one. */
  readonly totalTimeoutMs: number;
  readonly elapsedMs: number;
  /** Time until the deadline of the inbound request; `Infinity` without one. */
  readonly inboundLeftMs: number;
  /**
   * Whether the call may be retried after its request was sent. False if the inbound request is itself a retry, since
   * only one layer of services should retry.
   *
   * @see [C4.3](../../docs/guarantees.md#c4-3)
   */
  readonly allowsRetries: boolean;
  readonly overrides: RetryOverrides | undefined;
  /** Whether the call waits until its deadline for an endpoint that can be used. */
  readonly waitsForReady: boolean;
}

/**
 * Each service shortens the deadline that it passes on by this time, so that services that call each other in a cycle
 * stop.
 */
const perHopMs = 1;

/**
 * @throws {@link ClerkError} `DEADLINE_EXCEEDED` when the inbound request has less than 10 ms left
 * @see [C2.2](../../docs/guarantees.md#c2-2)
 */
export function capToInbound(
  deadline: CallDeadline,
  inbound: InboundRequest,
  now: number,
  serviceName: string,
): CallDeadline {
  const inboundLeftMs = inbound.deadlineAt - now - perHopMs;
  if (inboundLeftMs < minAttemptMs)
    throw new ClerkError(
      'DEADLINE_EXCEEDED',
      `Call to ${serviceName} was not started because the inbound request that the program is serving has less than ${String(minAttemptMs)} ms left`,
    );
  return { ...deadline, inboundLeftMs, allowsRetries: deadline.allowsRetries && inbound.attempt <= 1 };
}

/**
 * Shortens the deadline by a delay before the start of the call.
 * @throws {@link ClerkError} `DEADLINE_EXCEEDED` when the time left is below 10 ms and below `delayMs`
 */
export function afterDelay(
  deadline: CallDeadline,
  delayMs: number,
  serviceTimeoutMs: number | undefined,
  serviceName: string,
): CallDeadline {
  const shortened = {
    ...deadline,
    elapsedMs: deadline.elapsedMs + delayMs,
    inboundLeftMs: deadline.inboundLeftMs - delayMs,
  };
  if (isTooShort(effectiveTimeoutMs(shortened, serviceTimeoutMs), delayMs))
    throw new ClerkError(
      'DEADLINE_EXCEEDED',
      `Call to ${serviceName} was not started: ${String(Math.round(delayMs))} ms passed before the call could be sent, and less than ${String(minAttemptMs)} ms are left until its deadline`,
    );
  return shortened;
}

/**
 * A call with a timeout below 10 ms can start, because less time has passed than is left. @see
 * [C2.2](../../docs/guarantees.md#c2-2)
 */
export function isTooShort(leftMs: number, elapsedMs: number): boolean {
  return leftMs < minAttemptMs && leftMs < elapsedMs;
}

export function effectiveTimeoutMs(
  { timeoutMs, isExplicit, totalTimeoutMs, elapsedMs, inboundLeftMs }: CallDeadline,
  serviceTimeoutMs: number | undefined,
): number {
  const ownMs = isExplicit || serviceTimeoutMs === undefined ? timeoutMs : serviceTimeoutMs;
  const timeoutLeftMs = (ownMs < totalTimeoutMs ? ownMs : totalTimeoutMs) - elapsedMs;
  return timeoutLeftMs < inboundLeftMs ? timeoutLeftMs : inboundLeftMs;
}

/** The default timeout of the clerk is not sent. */
export function propagatesDeadline(
  { isExplicit, inboundLeftMs }: CallDeadline,
  serviceTimeoutMs: number | undefined,
): boolean {
  return isExplicit || serviceTimeoutMs !== undefined || inboundLeftMs < Infinity;
}
