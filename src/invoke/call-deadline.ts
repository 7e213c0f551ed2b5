import { ClerkError } from '../core/errors.js';
import type { InboundRequest } from '../core/inbound-request.js';
import { minAttemptMs } from './retry-rules.js';

/**
 * The time limits of a call that has not started yet. The timeout is set by the caller, the service config or the
 * clerk's default, in this order of precedence. The deadline of the request being served caps the timeout.
 */
export interface CallDeadline {
  /** Timeout of the call, in ms, > 0. */
  readonly timeoutMs: number;
  /**
   * Whether the application set the timeout. Otherwise the timeout is the clerk's default, which the service config may
   * override.
   */
  readonly isExplicit: boolean;
  /** Time spent before the call starts, e.g. on a lookup, in ms. */
  readonly elapsedMs: number;
  /**
   * Time until the deadline of the request being served, in ms; `Infinity` without such a request or such a deadline.
   */
  readonly inboundLeftMs: number;
  /**
   * Whether the call may be retried after its request was sent. False when the request being served is itself a retry,
   * since only one layer retries.
   *
   * @see [C4.3](../../docs/guarantees.md#c4-3)
   */
  readonly allowsRetries: boolean;
}

/** Time subtracted from the deadline at each hop, in ms, so that calls in a cycle of services terminate. */
const perHopMs = 1;

/**
 * Caps the deadline of a call to the time left for the request being served.
 *
 * @param serviceName - name of the called service, for the error message
 * @throws {@link ClerkError} `DEADLINE_EXCEEDED` when the request being served has less than 10 ms left
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
      `Call to ${serviceName} was not started because the request being served has less than ${String(minAttemptMs)} ms left`,
    );
  return { ...deadline, inboundLeftMs, allowsRetries: deadline.allowsRetries && inbound.attempt <= 1 };
}

/**
 * Shortens the deadline of a call by `delayMs`, which passed before the call was started.
 *
 * @param serviceTimeoutMs - the timeout that the service config sets, if known
 * @param serviceName - name of the called service, for the error message
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
 * Whether too little time is left for a first attempt: less than 10 ms and less than `elapsedMs`.
 *
 * @see [C2.2](../../docs/guarantees.md#c2-2)
 */
export function isTooShort(leftMs: number, elapsedMs: number): boolean {
  return leftMs < minAttemptMs && leftMs < elapsedMs;
}

/**
 * The time that a call has from its start, in ms; ≤ 0 when no time is left.
 *
 * @param serviceTimeoutMs - the timeout that the service config sets, if known
 */
export function effectiveTimeoutMs(
  { timeoutMs, isExplicit, elapsedMs, inboundLeftMs }: CallDeadline,
  serviceTimeoutMs: number | undefined,
): number {
  const timeoutLeftMs =
    (isExplicit || serviceTimeoutMs === undefined ? timeoutMs : serviceTimeoutMs) - elapsedMs;
  return timeoutLeftMs < inboundLeftMs ? timeoutLeftMs : inboundLeftMs;
}

/**
 * Whether the requests of a call carry the time left in the header `clerk-timeout-ms`. True only if the application or
 * the service config sets a timeout, or the request being served has a deadline. The clerk's default timeout is not
 * propagated.
 */
export function propagatesDeadline(
  { isExplicit, inboundLeftMs }: CallDeadline,
  serviceTimeoutMs: number | undefined,
): boolean {
  return isExplicit || serviceTimeoutMs !== undefined || inboundLeftMs < Infinity;
}
