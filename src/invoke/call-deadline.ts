import { ClerkError } from '../core/errors.js';
import type { InboundRequest } from '../core/inbound-request.js';
import type { RetryOverrides } from '../core/retry-options.js';
import { minAttemptMs } from './resend-safety.js';

/**
 * The time limits of a call. The timeout comes from the application, otherwise from the service config, otherwise from
 * the clerk's default. If the program makes the call to serve an inbound request, the call must also end by the
 * deadline of the inbound request.
 */
export interface CallDeadline {
  /** Timeout that the application set for the call, otherwise the clerk's default, in ms, > 0. */
  readonly timeoutMs: number;
  /**
   * Whether the application set `timeoutMs`. If false, `timeoutMs` is the clerk's default, and a timeout in the service
   * config takes precedence.
   */
  readonly isExplicit: boolean;
  /** Part of the timeout that had passed before the call was started, in ms. */
  readonly elapsedMs: number;
  /**
   * Time until the deadline of the inbound request being served, in ms. `Infinity` if no request is being served, or if
   * that request has no deadline.
   */
  readonly inboundLeftMs: number;
  /**
   * Whether the call may be retried after its request was sent. False if the inbound request being served is itself a
   * retry: the client of that request already retries, and only one layer should retry.
   *
   * @see [C4.3](../../docs/guarantees.md#c4-3)
   */
  readonly allowsRetries: boolean;
  /** Settings of the request for retries and attempt timeouts; undefined if the request has none. */
  readonly overrides: RetryOverrides | undefined;
}

/**
 * Time by which each service shortens the deadline that it passes on, in ms. A chain of calls therefore ends, even if
 * services call each other in a cycle.
 */
const perHopMs = 1;

/**
 * Returns `deadline`, limited to the time that is left for the inbound request being served.
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
      `Call to ${serviceName} was not started because the inbound request that the program is serving has less than ${String(minAttemptMs)} ms left`,
    );
  return { ...deadline, inboundLeftMs, allowsRetries: deadline.allowsRetries && inbound.attempt <= 1 };
}

/**
 * Returns `deadline`, shortened by a delay of `delayMs` that passed before the call was started.
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
 * Whether the time left is too short for a first attempt. True if less than 10 ms are left, and less time is left than
 * the call has already used. The second condition lets calls with a timeout below 10 ms start.
 *
 * @see [C2.2](../../docs/guarantees.md#c2-2)
 */
export function isTooShort(leftMs: number, elapsedMs: number): boolean {
  return leftMs < minAttemptMs && leftMs < elapsedMs;
}

/**
 * Returns the time from the start of a call to its deadline, in ms; ≤ 0 if no time is left.
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
 * Whether the requests of a call state the time left in the header `clerk-timeout-ms`. True if the application or the
 * service config sets a timeout, or if the inbound request being served has a deadline. The clerk's default timeout is
 * not sent.
 */
export function propagatesDeadline(
  { isExplicit, inboundLeftMs }: CallDeadline,
  serviceTimeoutMs: number | undefined,
): boolean {
  return isExplicit || serviceTimeoutMs !== undefined || inboundLeftMs < Infinity;
}
