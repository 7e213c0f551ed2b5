import { ClerkError } from '../core/errors.js';
import type { RetryOverrides } from '../core/retry-options.js';

/**
 * A further attempt starts only if at least this time is left until the deadline, in ms. @see
 * [C2.2](../../docs/guarantees.md#c2-2)
 */
export const minAttemptMs = 10;

/**
 * The time limits of a call. A call made while the program serves an inbound request ends by the deadline of that
 * request.
 */
export interface CallDeadline {
  /** The timeout that the application set for the call. If the application set none, the default of the clerk. */
  readonly timeoutMs: number;
  /** Whether the application set `timeoutMs`. If false, a timeout in the service config replaces `timeoutMs`. */
  readonly isExplicit: boolean;
  /** Timeout that includes the response body, in ms; `Infinity` if the application set none. */
  readonly totalTimeoutMs: number;
  readonly elapsedMs: number;
  /** Time until the deadline of the inbound request, in ms; `Infinity` without an inbound request. */
  readonly inboundLeftMs: number;
  /**
   * Whether the call may be retried after its request was sent. False if the inbound request is itself a retry, since
   * only one layer of services should retry.
   *
   * @see [C4.3](../../docs/guarantees.md#c4-3)
   */
  readonly allowsRetries: boolean;
  readonly overrides: RetryOverrides | undefined;
  /** Whether the call waits, until its deadline, while no endpoint can be used. */
  readonly waitsForReady: boolean;
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
 * Returns the deadline of a request that resumes the response body of a call. The call timeout limits only the time
 * to the response headers, so it starts again. `totalTimeoutMs` and the deadline of the inbound request continue.
 * @throws {@link ClerkError} `DEADLINE_EXCEEDED` when the time left is below 10 ms and below `elapsedMs`
 */
export function afterHead(
  deadline: CallDeadline,
  elapsedMs: number,
  serviceTimeoutMs: number | undefined,
  serviceName: string,
): CallDeadline {
  const resumed = {
    ...deadline,
    totalTimeoutMs: deadline.totalTimeoutMs - elapsedMs,
    inboundLeftMs: deadline.inboundLeftMs - elapsedMs,
  };
  if (isTooShort(effectiveTimeoutMs(resumed, serviceTimeoutMs), elapsedMs))
    throw new ClerkError(
      'DEADLINE_EXCEEDED',
      `The response body of ${serviceName} was not resumed: less than ${String(minAttemptMs)} ms are left until the deadline of the call`,
      { execution: 'done' },
    );
  return resumed;
}

/**
 * Whether too little time is left for an attempt: less than 10 ms, and less than the elapsed time. A call with a
 * timeout below 10 ms can therefore start. @see [C2.2](../../docs/guarantees.md#c2-2)
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

/**
 * Describes the limit that ended a call, with the configured value of this limit, for an error message.
 * @param endedMs - time from the start of the call to its deadline
 */
export function reachedDeadline(
  { timeoutMs, isExplicit, totalTimeoutMs, elapsedMs, inboundLeftMs }: CallDeadline,
  serviceTimeoutMs: number | undefined,
  endedMs: number,
): string {
  // The deadline was rounded down to a whole ms, so times that differ by up to 1 ms count as equal.
  const isAt = (ms: number): boolean => Math.abs(ms - endedMs) <= 1;
  if (isAt(inboundLeftMs))
    return `the deadline of the inbound request that the program was serving (${inMs(inboundLeftMs)} after the start of the call)`;
  if (!isExplicit && serviceTimeoutMs !== undefined && isAt(serviceTimeoutMs - elapsedMs))
    return `the call timeout of ${inMs(serviceTimeoutMs)} in the service config`;
  if (isAt(totalTimeoutMs - elapsedMs)) return `its totalTimeoutMs of ${inMs(totalTimeoutMs)}`;
  return `its deadline of ${inMs(isAt(timeoutMs - elapsedMs) ? timeoutMs : endedMs)}`;
}

function inMs(ms: number): string {
  return `${String(ms < 1 ? Number(ms.toPrecision(2)) : Math.round(ms))} ms`;
}

/**
 * Whether requests carry the time left until the deadline. A deadline from the default timeout of the clerk is not
 * sent.
 */
export function propagatesDeadline(
  { isExplicit, inboundLeftMs }: CallDeadline,
  serviceTimeoutMs: number | undefined,
): boolean {
  return isExplicit || serviceTimeoutMs !== undefined || inboundLeftMs < Infinity;
}
