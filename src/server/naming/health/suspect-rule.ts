import type { CallEvidence } from './call-evidence.js';
import type { Votes } from './votes.js';

/**
 * - `healthy`: no client reports the endpoint unreachable, and the endpoint renews its lease in time.
 * - `reviewing`: a client reports the endpoint unreachable, and lookups ask all clients for reports.
 * - `suspect`: most principals vote `unreachable` and the endpoint shows no calls, or the renewal is overdue. Clients
 *   use the endpoint as a last resort.
 */
export type EndpointStatus = 'healthy' | 'reviewing' | 'suspect';

export interface ReviewState {
  readonly isReviewed: boolean;
  /** Whether two thirds of the lease have passed without a renewal. */
  readonly isRenewalOverdue: boolean;
  /** What the endpoint states about its calls; see `CallEvidence`. */
  readonly calls: ReturnType<CallEvidence['state']>;
}

/** An overdue renewal makes the endpoint suspect, regardless of the votes. */
export function statusOf(votes: Votes, { isReviewed, isRenewalOverdue, calls }: ReviewState): EndpointStatus {
  if (isRenewalOverdue || (isReviewed && isUnreachable(votes, calls))) return 'suspect';
  return votes.unreachableReports > 0 ? 'reviewing' : 'healthy';
}

/**
 * If an endpoint counts its calls and has answered none, `reachable` reports are ignored, because they may be false.
 */
function isUnreachable(votes: Votes, calls: ReviewState['calls']): boolean {
  if (calls === 'unknown') return votes.hasUnreachableMajority;
  return calls === 'idle' && votes.hasComplainingMajority;
}
