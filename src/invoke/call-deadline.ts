import { ClerkError } from '../core/errors.js';
import type { InboundRequest } from '../core/inbound-request.js';
import { minAttemptMs } from './retry-rules.js';

/**
 * The time limits of one call, before it starts: the timeout of the caller, else of the service config, capped by the
 * deadline of the request being served.
 */
export interface CallDeadline {
  /** Timeout of the call, in ms, > 0. */
  readonly timeoutMs: number;
  /**
   * Whether the application set the timeout. Otherwise it is the clerk's default, and the service config may override
   * it.
   */
  readonly isExplicit: boolean;
  /** Time already spent before the call starts, e.g. on a lookup, in ms. */
  readonly elapsedMs: number;
  /** Time left for the request being served, in ms, > 0; `Infinity` without one or without a deadline. */
  readonly inboundLeftMs: number;
  /** False while a retry is being served, since only one layer retries. @see [C4.3](../../docs/guarantees.md#c4-3) */
  readonly allowsRetries: boolean;
}

/** Subtracted per hop, so that cyclic calls terminate, in ms. */
const perHopMs = 1;

/**
 * Caps a deadline to the time left for the request being served.
 *
 * @param serviceName - the called service, for the error message
 * @throws {@link ClerkError} `DEADLINE_EXCEEDED` when less than 10 ms are left
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
      `Call to ${serviceName} was not started: the request being served has less than ${String(minAttemptMs)} ms left`,
    );
  return { ...deadline, inboundLeftMs, allowsRetries: deadline.allowsRetries && inbound.attempt <= 1 };
}

/**
 * Shortens a deadline by time that already passed.
 *
 * @param serviceTimeoutMs - the timeout of the service config, if known
 * @param serviceName - the called service, for the error message
 * @throws {@link ClerkError} `DEADLINE_EXCEEDED` when less than 10 ms are left, and less than already passed
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
      `Call to ${serviceName} was not started: ${String(Math.round(delayMs))} ms passed before it could be sent, less than ${String(minAttemptMs)} ms are left`,
    );
  return shortened;
}

/**
 * Whether a first attempt has too little time left: less than 10 ms, and less than already passed.
 *
 * @see [C2.2](../../docs/guarantees.md#c2-2)
 */
export function isTooShort(leftMs: number, elapsedMs: number): boolean {
  return leftMs < minAttemptMs && leftMs < elapsedMs;
}

/**
 * The time a call has from its start, in ms; ≤ 0 when none is left.
 *
 * @param serviceTimeoutMs - the timeout of the service config, if known
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
 * Whether requests carry the time left in `clerk-timeout-ms`: only if the application, the service config or the
 * request being served set a timeout. The clerk's default is not propagated.
 */
export function propagatesDeadline(
  { isExplicit, inboundLeftMs }: CallDeadline,
  serviceTimeoutMs: number | undefined,
): boolean {
  return isExplicit || serviceTimeoutMs !== undefined || inboundLeftMs < Infinity;
}
