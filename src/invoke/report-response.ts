import type { Outcome } from '../core/outcome.js';
import { orcaFromHeaders } from '../protocol/orca.js';
import type { Attempt } from './attempt.js';
import type { AttemptTimeout } from './attempt-timeout.js';
import type { CallContext } from './call-context.js';
import { isFailureStatus } from './retryable-status.js';

/**
 * Reports a response to health and to the attempt timeout. A stall of this process does not count as latency.
 * @param earlier - outcomes of the earlier attempts of the call
 */
export function reportResponse(
  attempt: Attempt,
  statusCode: number,
  headers: Buffer[],
  context: CallContext,
  attemptTimeout: AttemptTimeout,
  earlier: readonly Outcome[],
  now: number,
): void {
  const { health, wheel } = context;
  const { startedAt, sentAt, candidate } = attempt;
  const { stalls } = wheel;
  const stalledMs = stalls.lastEndedAt > startedAt ? stalls.stalledMsSince(startedAt) : 0;
  const latencyMs = now - startedAt - stalledMs;
  attempt.stage = 'answered';
  attempt.statusCode = statusCode;
  attempt.latencyMs = latencyMs;
  health.attemptHeld(candidate);
  attemptTimeout.record(sentAt === startedAt ? latencyMs : Math.max(0, now - sentAt - stalledMs), now);
  if (!isFailureStatus(statusCode))
    health.responseReceived(candidate, latencyMs, now, attemptTimeout.medianMs);
  else
    health.attemptFailed(candidate, earlier.some(isFailureResponse) ? 'repeated' : 'status', startedAt, now);
  const load = orcaFromHeaders(headers);
  if (load !== undefined) health.loadReported(candidate, load, now);
}

/** Whether an attempt got a failure response. A second one in the same call may be the fault of the call itself. */
export function isFailureResponse({ stage, code }: Outcome): boolean {
  return stage === 'answered' && isFailureStatus(Number(code));
}
