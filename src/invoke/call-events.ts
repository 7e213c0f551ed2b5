import type { ConnectedCandidate } from '../core/candidate.js';
import type { AttemptLog, AttemptRecord } from './attempt-log.js';
import type { CallContext } from './call-context.js';

export function reportPick(
  { name, reporter }: CallContext,
  { candidate, pickReason, number }: AttemptRecord,
): void {
  if (reporter.hasListeners('picked'))
    reporter.emit('picked', { name, endpoint: candidate.endpoint.id, pickReason, attempt: number });
}

export function reportFailover(
  { name, reporter }: CallContext,
  { outcomes }: AttemptLog,
  to: ConnectedCandidate,
): void {
  const outcome = outcomes.at(-1);
  if (outcome && reporter.hasListeners('failover'))
    reporter.emit('failover', { name, from: outcome.endpoint, to: to.endpoint.id, outcome });
}
