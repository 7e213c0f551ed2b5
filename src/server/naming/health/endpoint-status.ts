import type { Votes } from './votes.js';

/**
 * - `healthy`: no client reports the endpoint unreachable, and the endpoint renews in time.
 * - `reviewing`: a client reports the endpoint unreachable, and lookups ask all clients for reports.
 * - `suspect`: most principals vote `unreachable`, or the renewal is overdue. Clients use the endpoint as a last
 *   resort.
 */
export type EndpointStatus = 'healthy' | 'reviewing' | 'suspect';

export interface ReviewState {
  readonly isReviewed: boolean;
  /** Whether two thirds of the lease have passed without a renewal. */
  readonly isRenewalOverdue: boolean;
}

/** An overdue renewal makes the endpoint suspect, regardless of the votes. */
export function statusOf(votes: Votes, { isReviewed, isRenewalOverdue }: ReviewState): EndpointStatus {
  if (isRenewalOverdue || (isReviewed && votes.hasUnreachableMajority)) return 'suspect';
  return votes.unreachableReports > 0 ? 'reviewing' : 'healthy';
}
