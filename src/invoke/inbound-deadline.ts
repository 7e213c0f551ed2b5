/** A call that a program makes while it serves an inbound request ends by the deadline of that request. */
import { ClerkError } from '../core/errors.js';
import type { InboundRequest } from '../core/inbound-request.js';
import { minAttemptMs, type CallDeadline } from './call-deadline.js';

/**
 * Each service shortens the deadline that it passes on by this time, in ms. An endless chain of services that call each
 * other therefore ends.
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
